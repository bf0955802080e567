/** The file of a userfaultfd on the simulated kernel: it serves missing pages of its program's memory. */
import { UFFD_API, UFFDIO_REGISTER_MODE_MISSING, userfaultCalls } from "../../../structs/index.js";
import type { Ret } from "../../kernel/kernel.js";
import type { AddressSpace, Vma } from "../memory/address-space.js";
import { faultAt } from "../memory/fault.js";
import { PAGE_SIZE } from "../memory/memory-object.js";
import { cutsHuge, hugePages, missingRun } from "../memory/missing.js";
import type { UserArg } from "../memory/user-arg.js";
import type { Caller } from "./caller.js";
import {
	apiChecks,
	rangeChecks,
	registerChecks,
	serveChecks,
	unregisterChecks,
	userfaultChecks,
	userfaultIoctlChecks,
	userfaultReadChecks,
} from "./checks.js";
import { SimFile } from "./file.js";
import type { UserIo } from "./io.js";

const { UFFDIO_API, UFFDIO_REGISTER, UFFDIO_UNREGISTER, UFFDIO_WAKE, UFFDIO_COPY, UFFDIO_ZEROPAGE } = userfaultCalls;
/** What Linux 7.3 on x86 offers. */
const FEATURES = 0x7ffffn;
/** UFFDIO_REGISTER, UFFDIO_UNREGISTER and UFFDIO_API, by their bits. */
const FILE_IOCTLS = 0x8000000000000403n;
/** Of a range: wake, copy, zeropage, move, poison; of one in huge pages: wake, copy, poison. */
const RANGE_IOCTLS = 0x13cn;
const HUGE_IOCTLS = 0x10cn;
const TASK_END = (1n << 47n) - 0x1000n;
const MESSAGE = 32;
/** calls that belong to a registered range */
type Serving = typeof UFFDIO_COPY | typeof UFFDIO_ZEROPAGE;

/** A call's struct as words of 64 bits. */
type Words = BigUint64Array;

export class UserfaultFile extends SimFile {
	readonly kind = "userfaultfd";
	override readonly openForWrite = false;
	override readonly canRead = true;
	override readonly hasOffsets = false;
	readonly #memory: AddressSpace;
	#agreed = false;

	/** @param memory that of the program which opened it; it serves no other */
	constructor(memory: AddressSpace) {
		super();
		this.#memory = memory;
	}

	/** Calls do not wait here, so there is never a fault to read. */
	override read({ reasons }: Caller, io: UserIo): Ret {
		if (!this.#agreed) return reasons.fail(userfaultReadChecks.noApi);
		return io.length < MESSAGE ? reasons.fail(userfaultReadChecks.messageLength, io.length) : reasons.fail(userfaultReadChecks.noFault);
	}

	override poll(): number {
		return 0;
	}

	override ioctl(process: Caller, request: number, arg: UserArg): Ret {
		const { reasons } = process;
		const call = Object.values(userfaultCalls).find((one) => one.request === request);
		if (call === undefined) return reasons.fail(userfaultIoctlChecks.unknownIoctl, request);
		reasons.within(call.name);
		if (!this.#agreed && request !== UFFDIO_API.request) return reasons.fail(userfaultChecks.noApi);
		const bytes = new Uint8Array(call.size);
		if (arg.read(0, bytes) < 0) return reasons.fail(userfaultChecks.unreadable, faultAt(process.memory, arg.value, call.size, false));
		const words = new BigUint64Array(bytes.buffer);
		const rc = this.#call(process, call.request, words);
		return arg.write(0, bytes) < 0 ? reasons.fail(userfaultChecks.unreadable, faultAt(process.memory, arg.value, call.size, true)) : rc;
	}

	#call(process: Caller, request: number, words: Words): Ret {
		switch (request) {
			case UFFDIO_API.request:
				return this.#agree(process, words);
			case UFFDIO_REGISTER.request:
				return this.#register(process, words);
			case UFFDIO_UNREGISTER.request:
				return this.#unregister(process, words);
			case UFFDIO_WAKE.request:
				return range(process, words[0], words[1]);
			case UFFDIO_COPY.request: {
				const [dst, src, length, mode] = words;
				const rc = this.#serve(process, UFFDIO_COPY, { start: dst, length, mode, src });
				return answer(process, words, 4, rc, length);
			}
			default: {
				const [start, length, mode] = words;
				const rc = this.#serve(process, UFFDIO_ZEROPAGE, { start, length, mode, src: undefined });
				return answer(process, words, 3, rc, length);
			}
		}
	}

	#agree({ reasons }: Caller, words: Words): Ret {
		const [api, features] = words;
		if (this.#agreed) return failed(words, reasons.fail(apiChecks.secondApi));
		if (api !== UFFD_API || (features & ~FEATURES) !== 0n) return failed(words, reasons.fail(apiChecks.version, api, features));
		this.#agreed = true;
		words[1] = FEATURES;
		words[2] = FILE_IOCTLS;
		return 0;
	}

	#register(process: Caller, words: Words): Ret {
		const { reasons } = process;
		const [start, length, mode] = words;
		if (mode !== UFFDIO_REGISTER_MODE_MISSING) return reasons.fail(registerChecks.mode, mode);
		const rc = range(process, start, length);
		if (rc < 0) return rc;
		const [from, pages] = [Number(start >> 12n), Number(length >> 12n)];
		const found = this.#memory.within(from, pages);
		if (found.length === 0) return reasons.fail(registerChecks.nothingMapped, start);
		for (const vma of found) {
			const at = BigInt(vma.start) << 12n;
			if (vma.object.kind === "device") return reasons.fail(registerChecks.notPageable, at, "a device's");
			if (vma.mayWrite === false) return reasons.fail(registerChecks.mayNotWrite, at);
			if (cutsHuge(vma, from) || cutsHuge(vma, from + pages)) return reasons.fail(registerChecks.hugeCut, at);
			if (vma.server !== undefined && vma.server !== this) return reasons.fail(registerChecks.otherServer, at);
		}
		this.#eachPart(found, from, pages, () => ({ server: this }));
		for (const vma of this.#memory.within(from, pages)) keepHuge(this.#memory, vma);
		words[3] = found.some(({ object }) => hugePages(object) > 1) ? HUGE_IOCTLS : RANGE_IOCTLS;
		return 0;
	}

	#unregister(process: Caller, [start, length]: Words): Ret {
		const rc = range(process, start, length);
		if (rc < 0) return rc;
		const [from, pages] = [Number(start >> 12n), Number(length >> 12n)];
		const found = this.#memory.within(from, pages);
		if (found.length === 0) return process.reasons.fail(unregisterChecks.nothingMapped, start);
		for (const vma of found) {
			const at = BigInt(vma.start) << 12n;
			if (cutsHuge(vma, from) || cutsHuge(vma, from + pages)) return process.reasons.fail(unregisterChecks.hugeCut, at);
			if (vma.server !== undefined && vma.server !== this) return process.reasons.fail(unregisterChecks.notOwn, at);
		}
		this.#eachPart(found, from, pages, () => ({ server: undefined }));
		return 0;
	}

	/** Changes the mapped parts of a range, which may have holes. */
	#eachPart(found: readonly Vma[], from: number, pages: number, change: () => Partial<Vma>): void {
		for (const vma of found) {
			const start = Math.max(vma.start, from);
			this.#memory.reshape(start, Math.min(vma.end, from + pages) - start, change, false);
		}
	}

	/** Fills missing pages. @returns the bytes that were served, or minus the errno if there are none; as a number where the struct is left as it is */
	#serve(
		process: Caller,
		call: Serving,
		{
			start,
			length,
			mode,
			src,
		}: { readonly start: bigint; readonly length: bigint; readonly mode: bigint; readonly src: bigint | undefined },
	): bigint | Ret {
		const { reasons } = process;
		const rc = range(process, start, length);
		if (rc < 0) return rc;
		if (src !== undefined && src + length > 1n << 64n) return reasons.fail(rangeChecks.rangeEnd, length, src);
		if ((mode & ~1n) !== 0n) return reasons.fail(serveChecks.serveMode, mode);
		const [from, pages] = [Number(start >> 12n), Number(length >> 12n)];
		// What Linux has as one mapping may be several here.
		const pieces = this.#memory.pieces(from, pages);
		const vma = pieces?.[0];
		if (pieces === undefined || vma?.server === undefined) return reasons.failBig(serveChecks.notRegistered, start, length);
		const unit = hugePages(vma.object);
		if (vma.objectPage % unit !== 0 || pages % unit !== 0) return reasons.failBig(serveChecks.hugeCut, start);
		if (unit > 1 && call === UFFDIO_ZEROPAGE) return reasons.failBig(serveChecks.noZeroPage);
		let missing = 0;
		for (const piece of pieces) {
			const count = piece.end - piece.start;
			const run = missingRun(piece, piece.objectPage, Math.min(count, piece.object.pages - piece.objectPage));
			missing += Math.max(run, 0);
			if (run < count) break;
		}
		if (missing === 0) return reasons.failBig(serveChecks.there, start);
		const readable = src === undefined ? missing : this.#readablePages(src, missing);
		const whole = readable - (readable % unit);
		if (whole === 0) return reasons.failBig(serveChecks.source, faultAt(this.#memory, src ?? 0n, PAGE_SIZE, false));
		for (const piece of pieces) {
			const skip = piece.start - from;
			const count = Math.min(piece.end - piece.start, whole - skip);
			if (count <= 0) break;
			if (src !== undefined)
				this.#memory.scan(src + BigInt(skip * PAGE_SIZE), count * PAGE_SIZE, (offset, bytes) => {
					put(piece, offset, bytes);
					return false;
				});
			this.#memory.noteServed(from + skip, count);
		}
		return BigInt(whole * PAGE_SIZE);
	}

	/** How many whole pages can be read from `src`. */
	#readablePages(src: bigint, pages: number): number {
		if (this.#memory.scan(src, pages * PAGE_SIZE, () => false) === 0) return pages;
		let good = 0;
		let bad = pages;
		while (bad - good > 1) {
			const middle = (good + bad) >> 1;
			if (this.#memory.scan(src, middle * PAGE_SIZE, () => false) === 0) good = middle;
			else bad = middle;
		}
		return good;
	}

	protected override release(): void {
		this.#memory.forget(this);
	}
}

/** A failed UFFDIO_API leaves zeroes. */
function failed(words: Words, rc: Ret): Ret {
	words.fill(0n);
	return rc;
}

/** Writes how many bytes were served, or minus the errno; fewer than all are EAGAIN. */
function answer({ reasons }: Caller, words: Words, at: number, rc: bigint | Ret, length: bigint): Ret {
	if (typeof rc === "number") return rc;
	words[at] = BigInt.asUintN(64, rc);
	if (rc < 0n) return Number(rc);
	return rc === length ? 0 : reasons.fail(serveChecks.partly, rc, length);
}

function range({ reasons }: Caller, start: bigint, length: bigint): Ret {
	if ((start & 0xfffn) !== 0n || (length & 0xfffn) !== 0n || length === 0n) return reasons.fail(rangeChecks.rangeAlignment, length, start);
	return start + length > TASK_END ? reasons.fail(rangeChecks.rangeEnd, length, start) : 0;
}

/** Huge pages of which anything was used are there as a whole. */
function keepHuge(memory: AddressSpace, vma: Vma): void {
	const unit = hugePages(vma.object);
	if (unit === 1) return;
	const end = vma.objectPage + (vma.end - vma.start);
	for (let page = vma.object.nextTouched(vma.objectPage); page < end; page = vma.object.nextTouched(page)) {
		const start = page - (page % unit);
		memory.noteServed(vma.start + (start - vma.objectPage), unit);
		page = start + unit;
	}
}

/** Writes bytes at an offset from the mapping's first page; they may span pages. */
function put({ object, objectPage: first }: Vma, offset: number, bytes: Uint8Array): void {
	for (let at = 0; at < bytes.length; ) {
		const where = offset + at;
		const inPage = where % PAGE_SIZE;
		const count = Math.min(PAGE_SIZE - inPage, bytes.length - at);
		object.writeAt(first + Math.floor(where / PAGE_SIZE), inPage, bytes, at, count);
		at += count;
	}
}
