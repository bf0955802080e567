/** The files, objects and values that a part of a test knows, by their slots. */
import type { FieldInfo } from "../../structs/index.js";
import { POLLIN, POLLOUT, PROT_READ, PROT_WRITE } from "../kernel/kernel.js";
import { pollMask } from "../trace/answer.js";
import { FieldError } from "../trace/check.js";
import { Objects } from "../trace/export/objects.js";
import { fdFields } from "../trace/fd-fields.js";
import { NO_FILE_NAME } from "../trace/files.js";
import type { IoctlStep, Step } from "../trace/format.js";
import { requestNumber } from "../trace/requests.js";
import { changedLeaves, type Leaf, leavesOf, wholeStruct } from "../trace/tools/fields.js";
import type { RecordedLine, RecordedPart } from "./compile.js";
import type { Call, Part, Place, Slot } from "./test.js";

/** Smaller numbers are the same by chance. */
const LEAST_VALUE = 4096n;

export class Scope {
	readonly #slots: Slot[];
	readonly #files = new Map<string, number>();
	readonly #objects = new Objects<number>();
	/** what calls chose, such as an IOVA */
	readonly #values = new Map<bigint, number>();

	constructor(slots: Slot[]) {
		this.#slots = slots;
	}

	/** A scope that knows what these steps made, and adds to it for itself. */
	after(steps: readonly Step[], calls: readonly Call[]): Scope {
		const scope = new Scope(this.#slots);
		for (const [at, step] of steps.entries()) scope.#learn(step, calls[at]);
		return scope;
	}

	part({ name, process, lines }: RecordedPart): Part {
		const calls = lines.flatMap((line, at) => line.steps.map((step) => this.call(step, at, line)));
		return { name, ...(process && { process }), lines: lines.map(({ line, source }) => ({ line, source })), calls };
	}

	/** @throws FieldError for a step that cannot be one of a test */
	call(step: Step, line: number, from: RecordedLine): Call {
		const call = { line, ...this.#one(step, from) };
		return call;
	}

	#one(step: Step, from: RecordedLine): Omit<Call, "line"> {
		const none = { puts: [], takes: [] };
		switch (step.op) {
			case "ioctl":
				return this.#ioctl(step, from);
			case "open":
				return { op: "open", path: step.path, makes: this.#makes(step.fd), ...none };
			case "memfd":
				return { op: "memfd", path: step.fd, length: step.length, pageSize: step.page_size, makes: this.#makes(step.fd), ...none };
			case "userfaultfd":
				return { op: "userfaultfd", makes: this.#makes(step.fd), ...none };
			case "seal":
				return { op: "seal", file: this.#file(step.fd), value: BigInt(step.seals), ...none };
			case "truncate":
				return { op: "truncate", file: this.#file(step.fd), offset: BigInt(step.length), ...none };
			case "close":
				return { op: "close", file: this.#file(step.fd), ...none };
			case "read":
			case "pread": {
				const where = step.addr === undefined ? { bytes: new Uint8Array(step.length) } : { addr: BigInt(step.addr), length: step.length };
				const offset = step.op === "pread" ? { offset: BigInt(step.offset) } : {};
				return { op: step.op, file: this.#file(step.fd), ...where, ...offset, ...none };
			}
			case "write":
			case "pwrite": {
				const from = step.addr === undefined ? { bytes: bytesOf(step.data ?? "") } : { addr: BigInt(step.addr), length: step.length ?? 0 };
				const offset = step.op === "pwrite" ? { offset: BigInt(step.offset) } : {};
				return { op: step.op, file: this.#file(step.fd), ...from, ...offset, ...none };
			}
			case "poll": {
				const events = step.events === undefined ? POLLIN | POLLOUT : pollMask(step.events);
				return { op: "poll", file: this.#file(step.fd), events, ...none };
			}
			case "mmap": {
				const prot = protOf(step.prot);
				const file = step.memfd === undefined ? {} : { file: this.#file(step.memfd), offset: BigInt(step.offset ?? 0) };
				const pages = { pageSize: step.page_size, populate: step.populate };
				return { op: "mmap", addr: BigInt(step.addr), length: step.length, prot, ...file, ...pages, ...none };
			}
			case "mprotect":
				return { op: "mprotect", addr: BigInt(step.addr), length: step.length, prot: protOf(step.prot), ...none };
			case "madvise":
				return { op: "madvise", addr: BigInt(step.addr), length: step.length, value: BigInt(step.advice), ...none };
			case "mremap": {
				const to = { value: BigInt(step.new_addr), offset: BigInt(step.new_length) };
				return { op: "mremap", addr: BigInt(step.addr), length: step.length, ...to, ...none };
			}
			case "munmap":
				return { op: "munmap", addr: BigInt(step.addr), length: step.length, ...none };
			case "poke":
				return { op: "poke", addr: BigInt(step.addr), bytes: bytesOf(step.data), ...none };
			case "peek":
				return { op: "peek", addr: BigInt(step.addr), bytes: new Uint8Array(step.length), ...none };
			default:
				throw new FieldError("op", `line ${from.line}: ${step.op} is no call of a program`);
		}
	}

	#ioctl(step: IoctlStep, from: RecordedLine): Omit<Call, "line"> {
		this.#objects.follow(step);
		const common = { op: "ioctl", file: this.#file(step.fd), request: requestNumber(step.request), name: step.request } as const;
		const makes = step.ret_fd === undefined ? {} : { makes: this.#makes(step.ret_fd) };
		if (step.arg === undefined) return { ...common, ...makes, value: BigInt(step.arg_addr ?? step.arg_value ?? 0), puts: [], takes: [] };
		const puts = Object.entries(step.fd_in ?? {}).map(([offset, file]): Place => ({ offset: +offset, size: 4, slot: this.#file(file) }));
		const given = wholeStruct(step, step.arg);
		const uses = / *\$/.test(from.source);
		for (const leaf of given ? leavesOf(given.type, given.values) : []) {
			const slot = this.#objects.lookUp(step, leaf) ?? (uses ? this.#value(leaf) : undefined);
			if (slot !== undefined && !puts.some(({ offset }) => offset === leaf.field.offset)) puts.push(placeOf(leaf.field, slot));
		}
		const takes = Object.entries(step.fd_out ?? {}).map(
			([offset, file]): Place => ({ offset: +offset, size: 4, slot: this.#makes(file) as number }),
		);
		// A call that failed when it was recorded may make a file in another order.
		const bytes = bytesOf(step.arg);
		for (const offset of fdFields(common.request, bytes).out)
			if (!takes.some((one) => one.offset === offset)) takes.push({ offset, size: 4, slot: this.#slot("file", "file") });
		const after = step.out === undefined ? undefined : wholeStruct(step, step.out);
		for (const { path, id } of this.#objects.made(step)) {
			const leaf = leavesOf(after?.type as Fields, after?.values ?? {}).find(({ field }) => field.path === path) as Leaf;
			const slot = this.#slot(from.name === undefined ? `${path} of line ${from.line}` : `$${from.name}`, "id");
			this.#objects.keep(step, id, slot);
			takes.push(placeOf(leaf.field, slot));
		}
		for (const leaf of step.ret < 0 ? [] : changedLeaves(step)) {
			const { field, value } = leaf;
			if (typeof value !== "bigint" || value < LEAST_VALUE || field.size !== 8 || this.#values.has(value)) continue;
			const slot = this.#slot(`${field.path} of line ${from.line}`, "value");
			this.#values.set(value, slot);
			takes.push(placeOf(field, slot));
		}
		return { ...common, ...makes, bytes, puts, takes };
	}

	/** A number that an earlier call chose. */
	#value({ field, value }: Leaf): number | undefined {
		return typeof value === "bigint" && field.size === 8 && field.dir !== "out" ? this.#values.get(value) : undefined;
	}

	#learn(step: Step, call: Call): void {
		this.#objects.follow(step);
		if ((step.op === "open" || step.op === "memfd" || step.op === "userfaultfd") && step.fd !== undefined && call.makes !== undefined)
			this.#files.set(step.fd, call.makes);
		if (step.op !== "ioctl") return;
		if (step.ret_fd !== undefined && call.makes !== undefined) this.#files.set(step.ret_fd, call.makes);
		for (const { offset, slot } of call.takes) {
			const file = step.fd_out?.[String(offset)];
			if (file !== undefined) this.#files.set(file, slot);
		}
		const after = step.out === undefined ? undefined : wholeStruct(step, step.out);
		for (const { field, value } of after ? leavesOf(after.type, after.values) : []) {
			const slot = call.takes.find(({ offset }) => offset === field.offset)?.slot;
			if (slot === undefined) continue;
			if (this.#slots[slot].kind === "id") this.#objects.keep(step, value as number, slot);
			else if (this.#slots[slot].kind === "value") this.#values.set(value as bigint, slot);
		}
	}

	#slot(name: string, kind: Slot["kind"]): number {
		this.#slots.push({ name, kind });
		return this.#slots.length - 1;
	}

	#makes(file: string | undefined): number | undefined {
		if (file === undefined) return undefined;
		const slot = this.#slot(file, "file");
		this.#files.set(file, slot);
		return slot;
	}

	#file(name: string): number {
		const slot = this.#files.get(name);
		if (slot !== undefined) return slot;
		if (name === NO_FILE_NAME) return this.#makes(name) as number;
		throw new FieldError("fd", `no earlier step made a file called ${JSON.stringify(name)}`);
	}
}

const protOf = (text: string): number => (text.includes("r") ? PROT_READ : 0) | (text.includes("w") ? PROT_WRITE : 0);

type Fields = { readonly fields: readonly FieldInfo[] };

const placeOf = ({ offset, size }: FieldInfo, slot: number): Place => ({ offset, size: size === 8 ? 8 : 4, slot });

const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"));
