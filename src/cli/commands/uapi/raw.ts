/** `raw`: any ioctl request with any argument. */
import { everyCall, groupCalls, type Ioctl, ioctlByRequest, type StructType } from "../../../../structs/index.js";
import { type Answer, callWithBytes } from "../../../client/call.js";
import { DryScratch } from "../../../client/memory.js";
import { explains } from "../../../kernel/why.js";
import { Draft } from "../../call/draft.js";
import { madeIn } from "../../call/made.js";
import { parseField, parseHexBytes, parseLength, parseNumber } from "../../call/natural.js";
import { onDevice, onFileOptions, onFileTarget } from "../../call/on-file.js";
import { asExpected, findField } from "../../call/perform.js";
import { reasonsFor } from "../../call/reasons.js";
import { leavesOf } from "../../call/shape.js";
import { answerDocument, fieldLines, fieldsDocument, hexLines, showAnswer } from "../../call/show.js";
import type { CallShape } from "../../call/spec.js";
import { announce } from "../../frame/announce.js";
import type { Family, Invocation } from "../../frame/command.js";
import { done, exitCode, type Outcome, UsageError } from "../../frame/exit.js";
import { didYouMean } from "../../frame/suggest.js";
import { hexBytes, hexDump } from "../../frame/text.js";

/** A call by its name (IOMMU_ may be left out) or by its number, known or not; `device`: of a VFIO device's file. */
function findCall(text: string, device: boolean): Ioctl {
	const name = text.toUpperCase();
	const calls = everyCall();
	const known = calls.find((one) => one.name === name) ?? calls.find((one) => one.name === `IOMMU_${name}`);
	if (known) return known;
	if (!/^-?\d/.test(text))
		throw new UsageError(
			`no call is named "${text}"`,
			didYouMean(
				name,
				calls.flatMap((one) => [...new Set([one.name, one.name.replace(/^IOMMU_/, "")])]),
			) ?? "give its number, for example 0x3b85",
		);
	const number = parseNumber(text, "REQUEST");
	if (number < 0n || number > 0xffffffffn) throw new UsageError(`REQUEST: ${text} is not a request number`, "0 to 0xffffffff");
	const request = Number(number);
	return (
		ioctlByRequest(request, device ? "device" : "context") ?? {
			name: `request 0x${request.toString(16)}`,
			request,
			nr: request & 0xff,
			struct: null,
			size: 0,
			minSize: 0,
		}
	);
}

/** The bytes: fields of the call's struct, or hex for the whole of it, cut or filled up to --length. */
async function rawBytes(inv: Invocation, call: Ioctl, words: readonly string[]): Promise<Uint8Array> {
	const fields = words.filter((word) => word.includes("="));
	const hexes = words.filter((word) => !word.includes("="));
	const length = inv.options.length === undefined ? undefined : parseLength(inv.options.length as string, "--length");
	const tail = inv.options.tail === undefined ? new Uint8Array() : parseHexBytes(inv.options.tail as string, "--tail");
	const sets = [...fields, ...((inv.options.set as string[] | undefined) ?? [])];
	let bytes: Uint8Array;
	if (hexes.length > 0) bytes = Buffer.concat([parseHexBytes(hexes.join(""), "the bytes"), tail]);
	else if (call.struct) {
		const draft = new Draft(call.struct as StructType, inv, new DryScratch());
		draft.setTail(tail);
		bytes = draft.bytes();
	} else bytes = tail;
	if (length !== undefined) {
		const exact = new Uint8Array(length);
		exact.set(bytes.subarray(0, length));
		bytes = exact;
	}
	return withFields(inv, call, bytes, sets);
}

function withFields(inv: Invocation, call: Ioctl, bytes: Uint8Array, sets: readonly string[]): Uint8Array {
	if (sets.length === 0) return bytes;
	const struct = call.struct as StructType | null;
	if (!struct) throw new UsageError(`${call.name} has no known struct`, "give the bytes in hex");
	const whole = new Uint8Array(Math.max(bytes.length, struct.size));
	whole.set(bytes);
	const draft = new Draft(struct, inv, new DryScratch());
	for (const text of sets) {
		const at = text.indexOf("=");
		if (at < 1) throw new UsageError(`"${text}": a field and a value are expected`, "for example ioas_id=1");
		const field = findField(struct, text.slice(0, at));
		draft.write(whole, field, parseField(field, text.slice(at + 1), field.path, true));
	}
	return whole.subarray(0, bytes.length);
}

async function run(inv: Invocation): Promise<Outcome> {
	const { args, options, common, io, out } = inv;
	const call = findCall(args[0], onDevice(inv));
	const words = args.slice(1);
	const number = options.argAddr ?? options.argValue;
	if (number !== undefined && words.length > 0)
		throw new UsageError("the argument is given twice", "--arg-addr and --arg-value replace bytes and fields");
	const arg =
		number === undefined
			? await rawBytes(inv, call, words)
			: BigInt.asUintN(64, parseNumber(number as string, options.argAddr === undefined ? "--arg-value" : "--arg-addr"));
	const before = typeof arg === "bigint" ? new Uint8Array() : arg;
	const shape: CallShape = { ioctl: call, fields: fieldsWithin(call, before).map((field) => ({ field, option: field.name })) };
	if (common.dryRun) {
		const request = `0x${call.request.toString(16)}`;
		const value = typeof arg === "bigint" ? `0x${arg.toString(16)}` : null;
		const document = {
			schema: "iommuctl.dry-run",
			version: 1,
			command: "raw",
			ioctl: call.name,
			request,
			struct: call.struct?.name ?? null,
			value,
			sent: fieldsDocument(shape, before),
			bytes: hexBytes(before),
		};
		const text = [
			`${call.name} (${request}), ${value === null ? `${before.length} bytes` : `value ${value}`}, not sent`,
			...fieldLines(
				shape.fields.map(({ field }) => field),
				before,
				out,
			).map((line) => `  ${line}`),
			...hexDump(before).map((line) => `  ${line}`),
		];
		io.stdout.write(common.json ? `${JSON.stringify(document)}\n` : `${text.join("\n")}\n`);
		return done;
	}
	await announce(inv);
	const kernel = await inv.context.kernel();
	const fd = await onFileTarget(inv);
	let answer: Answer;
	const notOpened = fd < 0 && options.onDevice !== undefined;
	const notes = shortNotes(call, before, typeof arg === "bigint");
	if (notOpened) {
		answer = { ioctl: call, ret: -1, errno: -fd, before, after: before, decoded: {} };
		notes.push("the device's file could not be opened, so the call was not made");
	} else if (typeof arg === "bigint") {
		const ret = kernel.ioctl(fd, call.request, arg);
		const why = ret < 0 && explains(kernel) ? kernel.why(ret) : undefined;
		answer = { ioctl: call, ret: ret < 0 ? -1 : ret, errno: ret < 0 ? -ret : 0, before, after: before, why, decoded: {} };
	} else answer = callWithBytes(kernel, fd, call, arg);
	if (call.request === groupCalls.VFIO_GROUP_GET_DEVICE_FD && answer.ret >= 0) inv.context.deviceFiles.add(answer.ret);
	const good = asExpected(inv, answer);
	// As for the call's own command: the ID of what was made, or else the return value.
	const value = answer.errno === 0 ? (madeIn(call, answer.after) ?? answer.ret) : undefined;
	const details = call.struct || common.hex || before.length === 0 ? undefined : { lines: hexLines(answer) };
	const reasons = await reasonsFor(inv, answer);
	notes.push(...reasons.notes);
	const shown = {
		inv,
		command: "raw",
		title: call.name,
		meaning: reasons.meaning,
		shape,
		answer,
		details,
		notes,
		value,
		good,
		...(notOpened && { call: "open" }),
	};
	if (common.json) io.stdout.write(`${JSON.stringify(await answerDocument({ ...shown, details: undefined }))}\n`);
	else showAnswer(shown);
	const fields = Object.fromEntries(
		shape.fields.map(({ field }) => [
			field.name,
			new Draft(call.struct as StructType, inv, new DryScratch()).read(answer.after, field.path),
		]),
	);
	return { exit: good ? exitCode.done : exitCode.failed, errno: answer.errno, value, fields };
}

/** The kernel reads as much as the size field says, whatever was given: zeroes follow what was given, up to the page's end. */
function shortNotes(call: Ioctl, bytes: Uint8Array, bare: boolean): string[] {
	if (bare || !call.struct || bytes.length >= call.struct.size) return [];
	return [`${bytes.length} bytes were given, but the struct has ${call.struct.size}: the kernel also reads the zeroes behind them`];
}

/** Fields that lie within the bytes; of a test command, those of its operation. */
function fieldsWithin(call: Ioctl, bytes: Uint8Array): ReturnType<typeof leavesOf> {
	const struct = call.struct as StructType | null;
	const all = leavesOf(struct).filter(({ offset, size }) => offset + size <= bytes.length);
	const op = bytes.length >= 8 ? new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true) : undefined;
	const member = struct?.fields.find(({ when }) => when && when.value === op)?.path;
	return all.filter(({ path }) => !path.includes(".") || (member !== undefined && path.startsWith(`${member}.`)));
}

const family: Family = {
	name: "raw",
	commands: [
		{
			name: "",
			summary: "any request number with any bytes",
			details: [
				"REQUEST is a call's name or any number. Then the struct: field=value for its fields (the size field is the struct's",
				"unless set), or hex for all of its bytes. Nothing is filled in and nothing is checked: this is for what other",
				"commands would not send.",
			].join("\n"),
			args: [
				{ name: "REQUEST", value: "call", doc: "IOMMU_IOAS_MAP, ioas_map, or a number such as 0x3b85" },
				{ name: "ARGUMENT", value: "assignment", doc: "field=value, or bytes in hex", optional: true, variadic: true },
			],
			options: () => [
				{ flags: "--length <n>", doc: "place exactly this many bytes, cut or padded with zeroes" },
				{ flags: "--arg-addr <address>", doc: "pass this address as it is" },
				{ flags: "--arg-value <number>", doc: "pass this number as it is" },
				...onFileOptions,
			],
			groups: ["kernel", "fd", "call", "dry", "expect", "quiet"],
			examples: [
				["raw IOMMU_IOAS_ALLOC", "a struct with nothing but its size"],
				["raw 0x3b81 0c0000000000000000000000", "the same in bytes"],
				["raw IOMMU_IOAS_ALLOC size=4 --expect EINVAL", "a size that is too small"],
				["raw 0x3bff 08000000 --expect ENOTTY", "a number that no call has"],
			],
			run,
		},
	],
};
export default family;
