/** mprotect, madvise and mremap of a process on the simulated kernel. */
import { MADV_DONTNEED, MADV_POPULATE_READ, MADV_POPULATE_WRITE, PROT_READ, PROT_WRITE, type Ret } from "../../kernel/kernel.js";
import type { AddressSpace } from "../memory/address-space.js";
import { faultAt } from "../memory/fault.js";
import { PAGE_SIZE } from "../memory/memory-object.js";
import type { PhysicalMemory } from "../memory/physical-memory.js";
import type { Reasons } from "../why/reasons.js";
import { adviseChecks, populateChecks, protectChecks, remapChecks } from "./checks.js";

/** The first address that user space cannot have. */
const USER_END = 1n << 47n;
const aligned = (addr: bigint): boolean => (addr & 0xfffn) === 0n;
const pagesOf = (bytes: bigint): number => Number((bytes + 0xfffn) >> 12n);

/** Advice that says nothing of a page's contents: it changes how Linux works, and nothing that a program sees here. */
const withoutEffect = new Set([0, 1, 2, 3, 8, 14, 15, 18, 19, 20, 21]);

/** What changes a process's memory after it was mapped. */
export class Reshaper {
	readonly #memory: AddressSpace;
	readonly #physical: PhysicalMemory;
	readonly #reasons: Reasons;

	constructor(memory: AddressSpace, physical: PhysicalMemory, reasons: Reasons) {
		this.#memory = memory;
		this.#physical = physical;
		this.#reasons = reasons;
	}

	mprotect(addr: bigint, length: bigint, prot: number): Ret {
		const reasons = this.#reasons;
		if (!aligned(addr)) return reasons.fail(protectChecks.addressAlignment, addr);
		if (length === 0n) return 0;
		if (length < 0n || addr < 0n || addr + length > USER_END) return reasons.fail(protectChecks.addressEnd, length, addr, USER_END);
		// What is mapped before the first hole changes all the same.
		const hole = this.#memory.reshape(Number(addr >> 12n), pagesOf(length), () => ({ prot }), true);
		return hole === undefined ? 0 : reasons.fail(protectChecks.hole, BigInt(hole) << 12n);
	}

	madvise(addr: bigint, length: bigint, advice: number): Ret {
		const reasons = this.#reasons;
		if (!aligned(addr)) return reasons.fail(adviseChecks.addressAlignment, addr);
		const dropped = advice === MADV_DONTNEED;
		const populates = advice === MADV_POPULATE_READ || advice === MADV_POPULATE_WRITE;
		if (!dropped && !populates && !withoutEffect.has(advice)) return reasons.fail(adviseChecks.unknownAdvice, advice);
		if (length < 0n || addr < 0n || addr + length > USER_END) return reasons.fail(adviseChecks.addressEnd, length, addr, USER_END);
		if (length === 0n) return 0;
		const pages = pagesOf(length);
		if (populates) return this.#populate(addr, pages, advice === MADV_POPULATE_WRITE);
		// New pages take the place of private ones; what is pinned keeps the old ones.
		const fresh = (count: number) => ({ object: this.#physical.newObject(count, "anonymous"), objectPage: 0, present: undefined });
		const hole = this.#memory.reshape(
			Number(addr >> 12n),
			pages,
			(vma, count) => (dropped && vma.object.kind === "anonymous" ? fresh(count) : {}),
			false,
		);
		return hole === undefined ? 0 : reasons.fail(adviseChecks.hole, BigInt(hole) << 12n);
	}

	#populate(addr: bigint, pages: number, write: boolean): Ret {
		const length = pages * PAGE_SIZE;
		if (this.#memory.accessible(addr, length, write ? PROT_WRITE : PROT_READ)) return 0;
		const hole = this.#memory.reshape(Number(addr >> 12n), pages, () => ({}), false);
		if (hole !== undefined) return this.#reasons.fail(populateChecks.hole, BigInt(hole) << 12n);
		return this.#reasons.fail(populateChecks.populate, faultAt(this.#memory, addr, length, write));
	}

	/** @param to 0n: in place where there is room, else anywhere; otherwise exactly there, over what is mapped */
	mremap(addr: bigint, length: bigint, newLength: bigint, to: bigint): bigint {
		const reasons = this.#reasons;
		const memory = this.#memory;
		if (!aligned(addr)) return reasons.failBig(remapChecks.addressAlignment, addr);
		if (length <= 0n || newLength <= 0n) return reasons.failBig(remapChecks.lengthZero, length, newLength);
		const [before, after] = [pagesOf(length), pagesOf(newLength)];
		if (!aligned(to) || to < 0n || to + newLength > USER_END || addr < 0n || addr + length > USER_END)
			return reasons.failBig(remapChecks.target, to, newLength);
		const [from, target] = [Number(addr >> 12n), Number(to >> 12n)];
		if (to !== 0n && target < from + before && from < target + after) return reasons.failBig(remapChecks.overlap, to, addr);
		const pieces = memory.pieces(from, before);
		const vma = pieces?.at(-1);
		if (pieces === undefined || vma === undefined) return reasons.failBig(remapChecks.oneMapping, length, addr);
		if (to === 0n && after <= before) {
			if (after < before) memory.unmap(BigInt(from + after) << 12n, BigInt(before - after) << 12n);
			return addr;
		}
		const extra = (count: number) =>
			vma.object.kind === "anonymous"
				? { object: this.#physical.newObject(count, "anonymous"), page: 0 }
				: { object: vma.object, page: vma.objectPage + (vma.end - vma.start) };
		const grow = (start: number): void => {
			if (after <= before) return;
			const { object, page } = extra(after - before);
			memory.map(BigInt(start + before) << 12n, after - before, object, page, vma.prot);
		};
		if (to === 0n && memory.isFree(from + before, after - before)) {
			grow(from);
			return addr;
		}
		if (to !== 0n) memory.unmap(to, newLength);
		const start = to === 0n ? memory.findFree(after) : target;
		if (start < 0) return reasons.failBig(remapChecks.noGap, newLength);
		for (const piece of pieces) {
			const offset = piece.start - from;
			const count = Math.min(piece.end - piece.start, after - offset);
			if (count > 0) memory.map(BigInt(start + offset) << 12n, count, piece.object, piece.objectPage, piece.prot);
		}
		memory.unmap(addr, length);
		grow(start);
		return BigInt(start) << 12n;
	}
}
