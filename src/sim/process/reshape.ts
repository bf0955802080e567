/** mprotect, madvise and mremap of a process on the simulated kernel. */
import { MADV_DONTNEED, MADV_POPULATE_READ, MADV_POPULATE_WRITE, PROT_READ, PROT_WRITE, type Ret } from "../../kernel/kernel.js";
import type { AddressSpace, Vma } from "../memory/address-space.js";
import { faultAt } from "../memory/fault.js";
import { PAGE_SIZE } from "../memory/memory-object.js";
import { cutsHuge, hugePages } from "../memory/missing.js";
import type { PhysicalMemory } from "../memory/physical-memory.js";
import type { Reasons } from "../why/reasons.js";
import { adviseChecks, populateChecks, protectChecks, remapChecks } from "./checks.js";

/** The first address that user space cannot have. */
const USER_END = 1n << 47n;
const aligned = (addr: bigint): boolean => (addr & 0xfffn) === 0n;
const pagesOf = (bytes: bigint): number => Number((bytes + 0xfffn) >> 12n);

const MADV_FREE = 8;
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
		// What is mapped before the first mapping that refuses, or before a hole, changes all the same.
		const [from, pages] = [Number(addr >> 12n), pagesOf(length)];
		const bad = this.#memory
			.within(from, pages)
			.find((vma) => cutsHuge(vma, from) || cutsHuge(vma, from + pages) || (vma.mayWrite === false && (prot & PROT_WRITE) !== 0));
		const end = bad === undefined ? from + pages : Math.max(bad.start, from);
		const hole = this.#memory.reshape(from, end - from, () => ({ prot }), true);
		if (hole !== undefined) return reasons.fail(protectChecks.hole, BigInt(hole) << 12n);
		if (bad === undefined) return 0;
		const at = BigInt(Math.max(bad.start, from)) << 12n;
		return cutsHuge(bad, from) || cutsHuge(bad, from + pages)
			? reasons.fail(protectChecks.hugeCut, at)
			: reasons.fail(protectChecks.sealed, at);
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
		const huge = this.#memory.within(Number(addr >> 12n), pages).find(({ object }) => hugePages(object) > 1);
		if (huge !== undefined && (dropped || advice === MADV_FREE)) return this.#adviseHuge(huge, addr, pages, dropped);
		// New pages take the place of private ones; what is pinned keeps the old ones.
		const hole = dropped
			? this.#memory.reshape(
					Number(addr >> 12n),
					pages,
					(vma, count) => (vma.object.kind === "anonymous" ? this.#fresh(vma, count) : {}),
					false,
				)
			: this.#memory.hole(Number(addr >> 12n), pages);
		return hole === undefined ? 0 : reasons.fail(adviseChecks.hole, BigInt(hole) << 12n);
	}

	/** Advice for a range that begins in huge pages, or comes to some: only whole ones are dropped. */
	#adviseHuge(vma: Vma, addr: bigint, pages: number, dropped: boolean): Ret {
		const from = Number(addr >> 12n);
		if (!dropped) return this.#reasons.fail(adviseChecks.hugeFree, BigInt(vma.start) << 12n);
		if (cutsHuge(vma, from)) return this.#reasons.fail(adviseChecks.hugeCut, addr);
		const unit = hugePages(vma.object);
		for (const part of this.#memory.within(from, pages)) {
			const start = Math.max(part.start, from);
			const count = Math.min(part.end, from + pages) - start;
			const whole = part.object === vma.object ? count - (count % unit) : count;
			if (part.object.kind !== "anonymous" || whole === 0) continue;
			this.#memory.reshape(start, whole, (_, length) => this.#fresh(part, length), false);
		}
		const hole = this.#memory.hole(from, pages);
		return hole === undefined ? 0 : this.#reasons.fail(adviseChecks.hole, BigInt(hole) << 12n);
	}

	/** New pages of zeroes in the place of private ones. */
	#fresh({ object }: Vma, count: number): Partial<Vma> {
		const block = hugePages(object) > 1 ? hugePages(object) * PAGE_SIZE : undefined;
		return { object: this.#physical.newObject(count, "anonymous", block), objectPage: 0, present: undefined };
	}

	#populate(addr: bigint, pages: number, write: boolean): Ret {
		const length = pages * PAGE_SIZE;
		if (this.#memory.accessible(addr, length, write ? PROT_WRITE : PROT_READ)) return 0;
		const hole = this.#memory.hole(Number(addr >> 12n), pages);
		if (hole !== undefined) return this.#reasons.fail(populateChecks.hole, BigInt(hole) << 12n);
		return this.#reasons.fail(populateChecks.populate, faultAt(this.#memory, addr, length, write));
	}

	/** @param to 0n: in place where there is room, else anywhere; otherwise exactly there, over what is mapped */
	mremap(addr: bigint, length: bigint, newLength: bigint, to: bigint): bigint {
		const reasons = this.#reasons;
		const memory = this.#memory;
		if (!aligned(addr)) return reasons.failBig(remapChecks.addressAlignment, addr);
		if (length <= 0n || newLength <= 0n) return reasons.failBig(remapChecks.lengthZero, length, newLength);
		const there = memory.find(Number(addr >> 12n));
		const unit = there === undefined ? 1 : hugePages(there.object);
		const [before, after] = [length, newLength].map((bytes) => Math.ceil(pagesOf(bytes) / unit) * unit);
		if (!aligned(to) || to < 0n || to + newLength > USER_END || addr < 0n || addr + length > USER_END)
			return reasons.failBig(remapChecks.target, to, newLength);
		const [from, target] = [Number(addr >> 12n), Number(to >> 12n)];
		if (unit > 1 && (after > before || (from - (there?.start ?? 0)) % unit !== 0 || target % unit !== 0))
			return reasons.failBig(remapChecks.huge, addr, length, newLength);
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
			memory.map(BigInt(start + before) << 12n, after - before, object, page, vma.prot, vma.mayWrite);
		};
		if (to === 0n && memory.isFree(from + before, after - before)) {
			grow(from);
			return addr;
		}
		if (to !== 0n) memory.unmap(to, BigInt(after) << 12n);
		const start = to === 0n ? memory.findFree(after) : target;
		if (start < 0) return reasons.failBig(remapChecks.noGap, newLength);
		for (const piece of pieces) {
			const offset = piece.start - from;
			const count = Math.min(piece.end - piece.start, after - offset);
			if (count > 0) memory.map(BigInt(start + offset) << 12n, count, piece.object, piece.objectPage, piece.prot, piece.mayWrite);
		}
		memory.unmap(addr, BigInt(before) << 12n);
		grow(start);
		return BigInt(start) << 12n;
	}
}
