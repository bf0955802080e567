/** The new ID or file that a successful call answers, as the table of calls says. */
import { type Ioctl, isMadeFile, type StructType } from "../../../structs/index.js";
import { readLeaf } from "../../client/leaves.js";

/** Path of the field that answers what a call makes; `op` is the test command's. */
export function madeField({ makes = [] }: Ioctl, op?: number): string | undefined {
	const made = makes.find((one) => one.op === undefined || one.op === op);
	return made && (isMadeFile(made) ? made.fd : made.id);
}

/** The same from the bytes that a successful call left; undefined if it makes nothing, or its field is not within them. */
export function madeIn(call: Ioctl, bytes: Uint8Array): number | undefined {
	const struct = call.struct as StructType | null;
	const word = (path: string): number | undefined => {
		const field = struct?.leaves.find((leaf) => leaf.path === path);
		return field && field.offset + field.size <= bytes.length ? Number(readLeaf(bytes, field)) : undefined;
	};
	const path = call.makes && madeField(call, word("op"));
	return path === undefined ? undefined : word(path);
}
