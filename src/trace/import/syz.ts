/** Imports syzkaller programs by running them on a kernel. */
import { failsAllocations, type Kernel, PROT_READ, PROT_WRITE } from "../../kernel/kernel.js";
import { SYZ_SIZE, type SyzCall } from "../export/syz-calls.js";
import { areaOf, DataArea } from "./syz-area.js";
import { contentsOf, NotMade, readField, resultsIn, type SyzValues, structBytes } from "./syz-bytes.js";
import { syzCallNamed } from "./syz-named.js";
import { parseSyz, type SyzArg, type SyzLine } from "./syz-parse.js";

/** A line that was not imported, and why. */
export interface Skipped {
	readonly line: number;
	readonly what: string;
	readonly why: string;
}

export interface Imported {
	/** calls that were made */
	readonly calls: number;
	readonly skipped: readonly Skipped[];
	/** lines that were imported, and what a trace cannot say of them */
	readonly notes: readonly Skipped[];
}

const NO_FILE = -1n;
/** syzkaller itself reruns calls 32 or 64 times. */
export const MOST_RERUNS = 1000;

/**
 * Runs a syzkaller program on `kernel` (for example one that records): what it does with files of iommufd and VFIO. Other calls are
 * skipped; their results have the values that the text gives.
 * InputError for text that is not a program.
 */
export function importSyz(text: string, file: string, kernel: Kernel): Imported {
	const lines = parseSyz(text, file);
	const area = new DataArea(areaOf(lines));
	const mapped = kernel.mmap({ addr: area.base, length: SYZ_SIZE, prot: PROT_READ | PROT_WRITE }) === area.base;
	const run = new Run(kernel, mapped ? area : undefined);
	for (const line of lines) run.line(line);
	kernel.exit();
	return { calls: run.calls, skipped: run.skipped, notes: run.notes };
}

class Run implements SyzValues {
	calls = 0;
	readonly skipped: Skipped[] = [];
	readonly notes: Skipped[] = [];
	readonly #variables = new Map<string, bigint>();
	readonly #kernel: Kernel;
	readonly #area: DataArea | undefined;

	constructor(kernel: Kernel, area: DataArea | undefined) {
		this.#kernel = kernel;
		this.#area = area;
	}

	line(line: SyzLine): void {
		const { properties, name } = line;
		try {
			const answer = this.#failing(line, () => this.#call(line));
			this.calls++;
			if (line.variable !== undefined) this.#variables.set(line.variable, answer < 0 ? NO_FILE : BigInt(answer));
			const rerun = properties.rerun ?? 0;
			for (let again = 0; again < Math.min(rerun, MOST_RERUNS); again++, this.calls++) this.#call(line, false);
			if (rerun > MOST_RERUNS) this.#note(line, `(rerun: ${rerun}): it was made ${MOST_RERUNS} times more`);
			if (properties.async)
				this.#note(line, "(async): it was made in order here; syzkaller does not wait for it, so its order is not certain");
			for (const one of properties.unknown) this.#note(line, `(${one}) is not known and was left out`);
		} catch (error) {
			if (!(error instanceof NotMade)) throw error;
			this.skipped.push({ line: line.line, what: name, why: error.message });
		}
	}

	#note({ line, name }: SyzLine, why: string): void {
		this.notes.push({ line, what: name, why });
	}

	/** Makes a call while its nth allocation fails, where the kernel does that on request. */
	#failing(line: SyzLine, make: () => number): number {
		const nth = line.properties.failNth ?? 0;
		if (nth === 0) return make();
		const kernel = this.#kernel;
		if (!failsAllocations(kernel)) {
			this.#note(line, `(fail_nth: ${nth}): this kernel's allocations do not fail on request, so the call was made without`);
			return make();
		}
		kernel.failNth(nth);
		let failed = false;
		try {
			return make();
		} finally {
			failed = kernel.failNth(0);
			this.#note(
				line,
				`(fail_nth: ${nth}): ${failed ? `its allocation ${nth} was made to fail` : `it makes fewer than ${nth} allocations here`}`,
			);
		}
	}

	/** Makes a call. Its answer sets variables, except when it is only made again. */
	#call({ name, args }: SyzLine, keep = true): number {
		const path = pathOf(name, args);
		if (path !== undefined) return this.#kernel.open(path);
		if (/^close(?:\$|$)/.test(name)) return this.#kernel.close(this.#file(args[0]));
		if (!/^ioctl(?:\$|$)/.test(name)) throw new NotMade("is not a known call");
		const written = args[1]?.kind === "number" ? Number(BigInt.asUintN(32, args[1].value)) : undefined;
		const described = syzCallNamed(name, written);
		if (described === undefined) throw new NotMade("is not a known call");
		const file = this.#file(args[0]);
		const request = requestOf(described, written);
		if (described.argument === "none") return this.#kernel.ioctl(file, request, 0n);
		if (described.argument === "value") return this.#kernel.ioctl(file, request, this.number(args[2]));
		const [, , arg] = args;
		if (arg?.kind !== "pointer") return this.#kernel.ioctl(file, request, this.number(arg));
		if (arg.arg === undefined) return this.#kernel.ioctl(file, request, this.number(arg));
		const bytes = arg.any ? contentsOf(arg, undefined, this) : structBytes(described, arg.arg, this);
		const ret = this.#kernel.ioctl(file, request, bytes);
		if (keep && arg.any) this.#shapelessResults(arg.arg, bytes, ret);
		else if (keep) this.#results(described, arg.arg, bytes, ret);
		return ret;
	}

	#results(call: SyzCall, arg: SyzArg, bytes: Buffer, ret: number): void {
		if (arg.kind !== "list") return;
		call.fields.forEach((field, at) => {
			const item = arg.items[at];
			if (item?.kind === "result") this.#variables.set(item.name, ret < 0 ? this.number(item.arg) : readField(bytes, field));
		});
	}

	/** As `#results`, in an argument whose shape syzkaller gave up. */
	#shapelessResults(arg: SyzArg, bytes: Buffer, ret: number): void {
		for (const { item, offset, size } of resultsIn(arg))
			this.#variables.set(item.name, ret < 0 ? this.number(item.arg) : readField(bytes, { offset, size }));
	}

	get start(): bigint {
		return this.#address(0x7f0000000000n, 0);
	}

	place(arg: SyzArg & { kind: "pointer" }, contents: Buffer | undefined): bigint {
		const addr = this.#address(arg.addr, contents?.length ?? Number(arg.size ?? 0n));
		if (contents !== undefined && contents.length > 0 && this.#kernel.poke(addr, contents) < 0) {
			throw new NotMade(`its data does not fit in the memory at 0x${addr.toString(16)}`);
		}
		return addr;
	}

	#address(addr: bigint | undefined, length: number): bigint {
		if (this.#area === undefined) throw new NotMade("there is no memory for its data");
		const placed = this.#area.address(addr, length);
		if (placed === undefined) throw new NotMade("there is no room left for its data");
		return placed;
	}

	#file(arg: SyzArg | undefined): number {
		return Number(BigInt.asIntN(32, this.number(arg)));
	}

	number(arg: SyzArg | undefined): bigint {
		switch (arg?.kind) {
			case undefined:
			case "auto":
				return 0n;
			case "number":
				return arg.value;
			case "variable":
				return (this.#variables.get(arg.name) ?? NO_FILE) / (arg.divide || 1n) + arg.add;
			case "result":
			case "union":
				return this.number(arg.arg);
			case "pointer":
				return this.#address(arg.addr, Number(arg.size ?? 0n));
			default:
				throw new NotMade("one of its numbers is not a number");
		}
	}
}

/** The request as written, except for the direction bits that other architectures have there. */
function requestOf({ ioctl }: SyzCall, written: number | undefined): number {
	return written === undefined || (written & 0xffff) === ioctl.request ? ioctl.request : written;
}

/** The file that a call opens, if it is one of iommufd or VFIO; a path is text that may end with a zero byte. */
function pathOf(name: string, args: readonly SyzArg[]): string | undefined {
	if (name === "openat$iommufd") return "/dev/iommu";
	if (name === "openat$vfio") return "/dev/vfio/vfio";
	const at = /^openat(?:\$|$)/.test(name) ? 1 : /^open(?:\$|$)/.test(name) ? 0 : undefined;
	const pointer = at === undefined ? undefined : args[at];
	if (pointer?.kind !== "pointer" || pointer.arg?.kind !== "data") return undefined;
	const path = pointer.arg.bytes.toString().replace(/\0.*$/s, "");
	return /^\/dev\/(?:iommu$|vfio\/)/.test(path) ? path : undefined;
}
