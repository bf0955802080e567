/** Makes the values of a reduced program plain: whole structs, zeroes, and the first objects of their kinds. */
import type { IoctlStep, Step } from "../trace/index.js";
import { leavesOf, requestStruct, wholeStruct } from "../trace/index.js";
import { put } from "./fields.js";

type Holds = (steps: readonly Step[]) => boolean;

/** The steps with plainer arguments, of which `holds` is still true; undefined if nothing can be plainer. */
export function simplified(steps: readonly Step[], holds: Holds): Step[] | undefined {
	let now = [...steps];
	let changed = false;
	const attempt = (at: number, step: IoctlStep): boolean => {
		const other = now.with(at, step);
		if (!holds(other)) return false;
		now = other;
		changed = true;
		return true;
	};
	for (let at = 0; at < now.length; at++) {
		const bent = now[at];
		if (bent.op !== "ioctl" || bent.arg === undefined) continue;
		const size = requestStruct(bent.request)?.size;
		if (size !== undefined && bent.arg.length !== size * 2) attempt(at, withArg(bent, bent.arg.padEnd(size * 2, "0").slice(0, size * 2)));
		for (const offset of offsetsOf(now[at] as IoctlStep)) {
			const step = now[at] as IoctlStep;
			for (const value of plainer(step, offset)) if (attempt(at, withField(step, offset, value))) break;
		}
	}
	return changed ? now : undefined;
}

const withArg = ({ out: _, ...step }: IoctlStep, arg: string): IoctlStep => ({ ...step, arg });

/** Where the fields are that hold something. */
function offsetsOf(step: IoctlStep): number[] {
	const whole = wholeStruct(step, step.arg as string);
	if (whole === undefined) return [];
	return leavesOf(whole.type, whole.values)
		.filter(
			({ field, value }) =>
				(typeof value === "number" || typeof value === "bigint") &&
				BigInt(value) !== 0n &&
				field.role !== "size" &&
				step.fd_in?.[field.offset] === undefined,
		)
		.map(({ field }) => field.offset);
}

/** Values to try in place of the one that is there. */
function plainer(step: IoctlStep, offset: number): bigint[] {
	const whole = wholeStruct(step, step.arg as string);
	const leaf = whole && leavesOf(whole.type, whole.values).find(({ field }) => field.offset === offset);
	if (leaf === undefined) return [];
	const value = BigInt(leaf.value as number);
	const least = leaf.field.role === "id" ? [1n, 2n, 3n, 4n, 5n] : leaf.field.role === "len" ? [0x1000n] : [];
	return [0n, ...least].filter((one) => one < value);
}

function withField(step: IoctlStep, offset: number, value: bigint): IoctlStep {
	const bytes = Buffer.from(step.arg as string, "hex");
	const field = requestStruct(step.request)?.leaves.find((leaf) => leaf.offset === offset && isActive(step, leaf.path));
	if (field !== undefined) put(bytes, field, value);
	return withArg(step, bytes.toString("hex"));
}

/** Whether it is a field of the union's member that the struct's selector chooses. */
function isActive(step: IoctlStep, path: string): boolean {
	const whole = wholeStruct(step, step.arg as string);
	return whole !== undefined && leavesOf(whole.type, whole.values).some(({ field }) => field.path === path);
}
