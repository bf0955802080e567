/** A guest's invalidation queue as it is given: bytes, hex, JSON, or fields. */
import { encodeDescriptor, type QueueVendor } from "../../../../sim/index.js";
import { splitPairs } from "../../../call/entries/encode.js";
import { parseHexBytes, parseNumber } from "../../../call/natural.js";
import type { Invocation } from "../../../frame/command.js";
import { UsageError } from "../../../frame/exit.js";
import { readInputOrStdin } from "../../../frame/io.js";

/** A guest's queue from --hex, a file or stdin: bytes, hex text, or JSON (an array, or one object per line). @throws UsageError */
export async function readQueue(inv: Invocation, vendor: QueueVendor, size: number): Promise<Uint8Array[]> {
	const { options, io } = inv;
	const ops = options.op as string[] | undefined;
	if (ops !== undefined) {
		if (options.hex !== undefined || options.from !== undefined)
			throw new UsageError("--op and another option both give the queue", "give one of them");
		return ops.map((text) => fromFields(Object.fromEntries(splitPairs(`op=${text}`, "--op")), `--op ${text}`, vendor, size));
	}
	const hex = options.hex as string[] | undefined;
	const from = options.from as string | undefined;
	if ((hex === undefined) === (from === undefined))
		throw new UsageError("the queue is missing, or given twice", "--from FILE (- is stdin), --op IOTLB,granularity=1, or --hex DESCRIPTOR");
	if (hex !== undefined) return cut(Buffer.concat(hex.map((text) => parseHexBytes(text, "--hex"))), size, "--hex");
	const name = from === "-" ? "stdin" : (from as string);
	const content = await readInputOrStdin(io, from as string, "--from");
	const form = (options.format as string | undefined) ?? guess(content);
	const text = () => Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString();
	if (form === "json") return fromJson(text(), name, vendor, size);
	return cut(form === "hex" ? parseHexBytes(text(), name) : content, size, name);
}

/** JSON and hex are text without any control characters; everything else is bytes. */
function guess(content: Uint8Array): "json" | "hex" | "binary" {
	const first = content.find((byte) => byte > 0x20);
	if (first === 0x5b || first === 0x7b) return "json";
	return content.length > 0 && /^[\s0-9a-fx:,_]*$/i.test(Buffer.from(content).toString("latin1")) ? "hex" : "binary";
}

function cut(bytes: Uint8Array, size: number, name: string): Uint8Array[] {
	if (bytes.length === 0) throw new UsageError(`${name}: there is no descriptor`);
	if (bytes.length % size !== 0)
		throw new UsageError(
			`${name}: ${bytes.length} bytes are not a whole number of descriptors of ${size} bytes`,
			"--width sets how wide VT-d's are",
		);
	return Array.from({ length: bytes.length / size }, (_, at) => bytes.subarray(at * size, (at + 1) * size));
}

function fromJson(text: string, name: string, vendor: QueueVendor, size: number): Uint8Array[] {
	const list = text.trimStart().startsWith("[")
		? parse(text, name)
		: text
				.split("\n")
				.filter((line) => line.trim() !== "")
				.map((line, at) => parse(line, `${name}:${at + 1}`));
	return (list as unknown[]).map((entry, at) => {
		const where = `${name}: descriptor ${at}`;
		if (typeof entry !== "object" || entry === null)
			throw new UsageError(`${where}: an object is expected`, '{"op":"PASID_IOTLB","pasid":5,"granularity":3,"address":"0x1000"}');
		return fromFields(entry as Record<string, string | number>, where, vendor, size);
	});
}

function fromFields(entry: Readonly<Record<string, string | number>>, where: string, vendor: QueueVendor, size: number): Uint8Array {
	const { op, ...fields } = entry;
	if (typeof op !== "string")
		throw new UsageError(`${where}: "op" is missing`, "it is the descriptor's name, for example IOTLB or TLBI_NH_VA");
	const values = Object.fromEntries(
		Object.entries(fields).map(([field, value]) => [field, parseNumber(String(value), `${where}: ${field}`)]),
	);
	try {
		return encodeDescriptor(vendor, op.toUpperCase(), values, size);
	} catch (error) {
		if (error instanceof RangeError) throw new UsageError(`${where}: ${error.message}`);
		throw error;
	}
}

function parse(text: string, where: string): unknown {
	try {
		return JSON.parse(text);
	} catch (error) {
		throw new UsageError(`${where}: not valid JSON: ${(error as Error).message}`);
	}
}
