/** Checks that headers and steps of a trace are as the format says. */
import type { PollName, Step, TraceHeader } from "./format.js";
import { TRACE_VERSION } from "./format.js";

/** A field that is not as the format says; the reader adds its place in the file. */
export class FieldError extends Error {
	readonly field: string | undefined;

	constructor(field: string | undefined, problem: string) {
		super(problem);
		this.name = "FieldError";
		this.field = field;
	}
}

type Fields = Record<string, unknown>;
type Check = (step: Fields, op: string) => void;

const HEX = /^(?:[0-9a-fA-F]{2})*$/;
const ADDRESS = /^(?:0[xX][0-9a-fA-F]+|[0-9]+)$/;
const U64_LIMIT = 1n << 64n;
/** the longest buffer of a step: far more than iommufd accepts anywhere */
const LONGEST = 1 << 30;
const POLL_NAMES: ReadonlySet<unknown> = new Set<PollName>(["in", "out", "err", "hup", "nval"]);

function bad(field: string, op: string, problem: string): never {
	throw new FieldError(field, `${op}: "${field}" ${problem}`);
}

function text(step: Fields, op: string, field: string): void {
	const value = step[field];
	if (typeof value !== "string" || value === "") bad(field, op, value === undefined ? "is missing" : "is not a name");
}

function hex(step: Fields, op: string, field: string): void {
	const value = step[field];
	if (typeof value === "string" && HEX.test(value)) return;
	if (value === undefined) bad(field, op, "is missing");
	bad(field, op, typeof value === "string" && value.length % 2 === 1 ? "has an odd number of hex digits" : "is not hex");
}

function integer(step: Fields, op: string, field: string, least: number, most: number): void {
	const value = step[field];
	if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return;
	bad(field, op, value === undefined ? "is missing" : `is not an integer from ${least} to ${most}`);
}

function length(step: Fields, op: string): void {
	integer(step, op, "length", 0, LONGEST);
}

function address(step: Fields, op: string, field: string): void {
	const value = step[field];
	if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return;
	if (typeof value === "string" && ADDRESS.test(value) && (value.length <= 18 || BigInt(value) < U64_LIMIT)) return;
	bad(field, op, value === undefined ? "is missing" : "is not a 64-bit number");
}

function ret(step: Fields, op: string): void {
	integer(step, op, "ret", -1, Number.MAX_SAFE_INTEGER);
	if (step.ret === -1) text(step, op, "errno");
	else if (step.errno !== undefined) bad("errno", op, "goes with ret -1 only");
}

function fdMap(step: Fields, op: string, field: string): void {
	const map = step[field];
	if (map === undefined) return;
	if (typeof map !== "object" || map === null || Array.isArray(map)) bad(field, op, "is not an object {offset: name}");
	const size = typeof step.arg === "string" ? step.arg.length / 2 : 0;
	for (const [offset, name] of Object.entries(map)) {
		if (!/^[0-9]+$/.test(offset) || Number(offset) + 4 > size) bad(field, op, `names offset ${offset}, outside of "arg"`);
		if (typeof name !== "string" || name === "") bad(field, op, `has no name at offset ${offset}`);
	}
}

function names(step: Fields, op: string, field: string, allowed?: ReadonlySet<unknown>): void {
	const list = step[field];
	if (!Array.isArray(list)) bad(field, op, list === undefined ? "is missing" : "is not a list");
	for (const name of list) {
		if (typeof name !== "string" || (allowed && !allowed.has(name))) bad(field, op, `contains ${JSON.stringify(name)}`);
	}
}

/** The bytes that a read returned or a write took: in the step, or in memory at `addr`. */
function transfer(step: Fields, op: string, dataNeeded: boolean): void {
	text(step, op, "fd");
	ret(step, op);
	if (step.addr !== undefined) address(step, op, "addr");
	if (dataNeeded) hex(step, op, "data");
	else if (step.data !== undefined) bad("data", op, "does not belong in this step");
}

/** Bytes of huge pages. */
function pageSize(step: Fields, op: string): void {
	const { page_size: size } = step;
	if (size !== undefined && !(typeof size === "number" && size > 4096 && size <= LONGEST && Number.isInteger(Math.log2(size))))
		bad("page_size", op, "is not a power of two above 4096");
}

const CHECKS: Readonly<Record<string, Check>> = {
	open(step, op) {
		text(step, op, "path");
		if (step.ret === undefined) text(step, op, "fd");
		else ret(step, op);
		if (step.ret === -1 ? step.fd !== undefined : step.fd === undefined) bad("fd", op, "must be present if and only if the open succeeded");
		if (step.fail_nth !== undefined) integer(step, op, "fail_nth", 1, 0x7fffffff);
	},
	fork(step, op) {
		text(step, op, "process");
		if (step.parent !== undefined) text(step, op, "parent");
	},
	exit: (step, op) => text(step, op, "process"),
	close: (step, op) => text(step, op, "fd"),
	memfd(step, op) {
		text(step, op, "fd");
		integer(step, op, "length", 0, Number.MAX_SAFE_INTEGER);
		pageSize(step, op);
	},
	eventfd(step, op) {
		text(step, op, "fd");
		integer(step, op, "count", 0, 0xffffffff);
	},
	seal(step, op) {
		text(step, op, "fd");
		integer(step, op, "seals", 0, 0xffffffff);
		ret(step, op);
	},
	truncate(step, op) {
		text(step, op, "fd");
		integer(step, op, "length", Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
		ret(step, op);
	},
	userfaultfd: (step, op) => text(step, op, "fd"),
	mmap(step, op) {
		address(step, op, "addr");
		integer(step, op, "length", 0, Number.MAX_SAFE_INTEGER);
		if (typeof step.prot !== "string" || !/^(?:r?w?|none)$/.test(step.prot)) bad("prot", op, 'is not "r", "w", "rw" or "none"');
		if (step.memfd !== undefined) text(step, op, "memfd");
		if (step.offset !== undefined) address(step, op, "offset");
		pageSize(step, op);
		if (step.populate !== undefined && step.populate !== true) bad("populate", op, "is not true");
	},
	mprotect(step, op) {
		CHECKS.munmap(step, op);
		if (typeof step.prot !== "string" || !/^(?:r?w?|none)$/.test(step.prot)) bad("prot", op, 'is not "r", "w", "rw" or "none"');
	},
	madvise(step, op) {
		CHECKS.munmap(step, op);
		integer(step, op, "advice", 0, 0x7fffffff);
	},
	mremap(step, op) {
		CHECKS.munmap(step, op);
		address(step, op, "new_addr");
		integer(step, op, "new_length", 0, Number.MAX_SAFE_INTEGER);
	},
	munmap(step, op) {
		address(step, op, "addr");
		integer(step, op, "length", 0, Number.MAX_SAFE_INTEGER);
	},
	poke(step, op) {
		address(step, op, "addr");
		hex(step, op, "data");
	},
	peek(step, op) {
		address(step, op, "addr");
		length(step, op);
		hex(step, op, "data");
		if ((step.data as string).length !== (step.length as number) * 2) bad("data", op, 'does not hold "length" bytes');
	},
	ioctl(step, op) {
		text(step, op, "fd");
		text(step, op, "request");
		ret(step, op);
		if (step.arg !== undefined) {
			hex(step, op, "arg");
			if (step.out !== undefined) {
				hex(step, op, "out");
				if ((step.out as string).length !== (step.arg as string).length) bad("out", op, 'is not as long as "arg"');
			}
		} else if (step.arg_addr !== undefined) address(step, op, "arg_addr");
		else if (step.arg_value !== undefined) address(step, op, "arg_value");
		else bad("arg", op, "is missing (or arg_addr, or arg_value)");
		fdMap(step, op, "fd_in");
		fdMap(step, op, "fd_out");
		if (step.ret_fd !== undefined) text(step, op, "ret_fd");
		if (step.masked !== undefined) names(step, op, "masked");
		if (step.fail_nth !== undefined) integer(step, op, "fail_nth", 1, 0x7fffffff);
	},
	read(step, op) {
		length(step, op);
		transfer(step, op, step.ret !== -1);
		if (step.ret !== -1 && (step.data as string).length !== (step.ret as number) * 2) bad("data", op, 'does not hold "ret" bytes');
	},
	write(step, op) {
		transfer(step, op, step.addr === undefined);
		if (step.addr !== undefined) length(step, op);
	},
	pread(step, op) {
		address(step, op, "offset");
		CHECKS.read(step, op);
	},
	pwrite(step, op) {
		address(step, op, "offset");
		CHECKS.write(step, op);
	},
	poll(step, op) {
		text(step, op, "fd");
		names(step, op, "revents", POLL_NAMES);
		if (step.events !== undefined) names(step, op, "events", POLL_NAMES);
	},
	dma(step, op) {
		text(step, op, "fd");
		if (step.dir !== "read" && step.dir !== "write") bad("dir", op, 'is not "read" or "write"');
		address(step, op, "iova");
		length(step, op);
		if (step.buf !== undefined) integer(step, op, "buf", 0, LONGEST);
		if (step.events !== undefined) names(step, op, "events");
	},
};

/** Throws a FieldError if `step` is not one that the format knows. */
export function checkStep(step: Fields): asserts step is Fields & Step {
	const op = step.op as string;
	const check = Object.hasOwn(CHECKS, op) ? CHECKS[op] : undefined;
	if (check === undefined) {
		throw new FieldError(
			op === undefined ? undefined : "op",
			op === undefined ? 'neither a step ("op") nor a program ("program")' : `unknown op ${JSON.stringify(op)}`,
		);
	}
	check(step, op);
	if (step.process !== undefined) text(step, op, "process");
	if (step.thread !== undefined) integer(step, op, "thread", 1, Number.MAX_SAFE_INTEGER);
	if (step.pending !== undefined && step.pending !== true) bad("pending", op, "is not true");
	if (step.time !== undefined) microseconds(step, op, "time");
	if (step.duration !== undefined) microseconds(step, op, "duration");
}

function microseconds(step: Fields, op: string, field: string): void {
	const value = step[field];
	if (typeof value !== "number" || !Number.isFinite(value) || value < 0) bad(field, op, "is not a number of microseconds");
}

/** Throws a FieldError if the first line is not the header of a trace that this version can read. */
export function checkHeader(value: unknown): asserts value is TraceHeader {
	const header = value as Fields;
	if (typeof value !== "object" || value === null || header.trace !== "iommufd") {
		throw new FieldError(undefined, 'not an iommufd trace: the first line should be {"trace":"iommufd","version":1,...}');
	}
	if (header.version !== TRACE_VERSION) {
		throw new FieldError("version", `trace version ${JSON.stringify(header.version)}; this iommuctl reads version ${TRACE_VERSION}`);
	}
}
