/** Brings steps into a normal form in which they can be compared. */
import { formatValue } from "../../../structs/index.js";
import { recordedRet } from "../answer.js";
import { errnoName } from "../errno-names.js";
import type { IoctlStep, Step, TraceNumber } from "../format.js";
import { requestName, requestNumber } from "../requests.js";
import { leavesOf, wholeStruct } from "./fields.js";
import { pathAt } from "./show.js";

/** One field of a step, compared as text, as a file's name, or as an address of the program. */
export interface NormalField {
	readonly name: string;
	readonly kind: "text" | "file" | "address";
	readonly value: string;
}

/** The kind of a step, without its file and answer: equal for corresponding steps of two traces. */
export function stepKey(step: Step): string {
	if (step.op === "ioctl") return `ioctl ${requestName(requestNumber(step.request))}`;
	return step.op === "open" ? `open ${step.path}` : step.op;
}

const hexNumber = (value: TraceNumber): string => `0x${BigInt(value).toString(16)}`;
const text = (name: string, value: unknown): NormalField => ({ name, kind: "text", value: String(value) });
const file = (name: string, value: string): NormalField => ({ name, kind: "file", value });
const address = (name: string, value: TraceNumber): NormalField => ({ name, kind: "address", value: hexNumber(value) });

/**
 * All fields of a step in one form, however they are written: numbers, letter case of hex, names of errnos and requests,
 * and structs by their fields.
 */
export function normalFields(step: Step): NormalField[] {
	return step.process === undefined ? ownFields(step) : [text("process", step.process), ...ownFields(step)];
}

function ownFields(step: Step): NormalField[] {
	switch (step.op) {
		case "open":
			return [...(step.fd === undefined ? [] : [file("file", step.fd)]), ...answer(step.ret === undefined ? { ret: 0 } : step)];
		case "close":
			return [file("file", step.fd)];
		case "eventfd":
			return [file("file", step.fd), text("count", step.count)];
		case "memfd":
			return [file("file", step.fd), text("length", step.length)];
		case "seal":
			return [file("file", step.fd), text("seals", step.seals), ...answer(step)];
		case "truncate":
			return [file("file", step.fd), text("length", step.length), ...answer(step)];
		case "userfaultfd":
			return [file("file", step.fd)];
		case "mmap":
			return [
				address("addr", step.addr),
				text("length", step.length),
				text("prot", step.prot),
				...(step.page_size === undefined ? [] : [text("page_size", step.page_size)]),
				...(step.populate ? [text("populate", "true")] : []),
				...(step.memfd === undefined ? [] : [file("memfd", step.memfd), text("offset", hexNumber(step.offset ?? 0))]),
			];
		case "mprotect":
			return [address("addr", step.addr), text("length", step.length), text("prot", step.prot)];
		case "madvise":
			return [address("addr", step.addr), text("length", step.length), text("advice", step.advice)];
		case "mremap":
			return [
				address("addr", step.addr),
				text("length", step.length),
				address("new_addr", step.new_addr),
				text("new_length", step.new_length),
			];
		case "munmap":
			return [address("addr", step.addr), text("length", step.length)];
		case "poke":
		case "peek":
			return [address("addr", step.addr), text("data", step.data.toLowerCase())];
		case "poll":
			return [file("file", step.fd), text("events", (step.events ?? ["in", "out"]).join("|")), text("revents", step.revents.join("|"))];
		case "dma": {
			const events = step.events === undefined ? [] : [text("events", step.events.join(" ").toLowerCase())];
			return [
				file("file", step.fd),
				text("dir", step.dir),
				text("iova", hexNumber(step.iova)),
				text("length", step.length),
				text("buf", step.buf ?? 0),
				...events,
			];
		}
		case "ioctl":
			return ioctlFields(step);
		case "fork":
		case "exit":
			return [];
		default:
			return [
				file("file", step.fd),
				...("offset" in step ? [text("offset", hexNumber(step.offset))] : []),
				...(step.addr === undefined ? [] : [address("addr", step.addr)]),
				...(step.length === undefined ? [] : [text("length", step.length)]),
				...answer(step),
				...(step.data === undefined ? [] : [text("data", step.data.toLowerCase())]),
			];
	}
}

function answer(step: { readonly ret?: number; readonly errno?: string }): NormalField[] {
	const ret = recordedRet(step as { ret: number });
	return [text("ret", ret < 0 ? `-1 ${errnoName(-ret)}` : ret)];
}

function ioctlFields(step: IoctlStep): NormalField[] {
	const given =
		step.arg !== undefined
			? structFields(step, step.arg, "", step.fd_in ?? {})
			: step.arg_addr !== undefined
				? [address("argument", step.arg_addr)]
				: [text("argument", hexNumber(step.arg_value ?? 0))];
	const back = step.arg === undefined ? [] : structFields(step, step.out ?? step.arg, "after: ", step.fd_out ?? {});
	const made = step.ret_fd === undefined ? [] : [file("returned file", step.ret_fd)];
	// Fields that the kernel did not change appear once.
	const before = new Set(given.map(({ name, kind, value }) => `${name} ${kind} ${value}`));
	const changed = back.filter(({ name, kind, value }) => !before.has(`${name.replace("after: ", "")} ${kind} ${value}`));
	const failing = step.fail_nth === undefined ? [] : [text("failing allocation", step.fail_nth)];
	return [file("file", step.fd), ...given, ...failing, ...answer(step), ...made, ...changed];
}

function structFields(step: IoctlStep, hex: string, prefix: string, files: Readonly<Record<string, string>>): NormalField[] {
	const named = Object.entries(files).map(([offset, name]) => file(`${prefix}${pathAt(step, Number(offset))}`, name));
	const whole = wholeStruct(step, hex);
	if (whole === undefined) return [text(`${prefix}bytes`, hex.toLowerCase()), ...named];
	const taken = new Set(named.map(({ name }) => name));
	const leaves = leavesOf(whole.type, whole.values).flatMap(({ field, value }) => {
		const name = `${prefix}${field.path}`;
		if (taken.has(name)) return [];
		return field.role === "ptr" ? [address(name, (value as bigint).toString())] : [text(name, formatValue(field, value))];
	});
	return [...leaves, ...named];
}
