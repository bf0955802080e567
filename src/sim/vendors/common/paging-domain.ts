/** The page table of an IOAS, common to all hardware vendors, and its dirty bits. */
import type { Ret } from "../../../kernel/kernel.js";
import { type DirtyTracker, PagingDomain } from "../../contract/domain.js";
import type { Area } from "../../iova/area.js";
import { frameOf } from "../../memory/memory-object.js";
import type { Stage2, Stage2Page } from "../../mmu/translate.js";
import { READ, WRITE } from "../../mmu/walk.js";
import type { Reasons } from "../../why/reasons.js";
import { dirtyChecks } from "./checks.js";

const PAGE = 0x1000n;
const PAGE_SHIFT = 12;

/** A hardware page table filled from an IOVA space; devices, and guests' tables on top, translate through it. */
export abstract class HwPagingDomain extends PagingDomain implements Stage2 {
	readonly smallestPage = PAGE;
	/** it translates guest-physical addresses, so guests' tables can be nested on it */
	readonly secondStage: boolean = true;
	/** entries cannot forbid reading: every mapped page is readable (x86 tables) */
	protected readonly alwaysReadable: boolean = false;

	/** Looks up an IOVA; undefined: it is not mapped. */
	find(iova: bigint): Stage2Page | undefined {
		const area = this.space?.find(iova);
		if (area === undefined) return undefined;
		const byte = area.byte(iova);
		const index = Number(byte >> BigInt(PAGE_SHIFT));
		const ref = area.pages.pinnedPage(index) ?? area.pages.devicePage(index);
		if (ref === undefined) return undefined;
		const pa = (BigInt(frameOf(ref.object, ref.page)) << BigInt(PAGE_SHIFT)) | (byte & (PAGE - 1n));
		const readable = area.readable || this.alwaysReadable;
		return { pa, perm: (readable ? READ : 0) | (area.writable ? WRITE : 0), shift: PAGE_SHIFT };
	}

	/** Records that a device wrote to this IOVA. */
	wrote(iova: bigint): void {
		if (this.dirty instanceof DirtyPages) this.dirty.mark(iova);
	}

	/** called after an unmap, to drop what is cached for tables on top */
	readonly onUnmapped = new Set<() => void>();

	override unmapped(area: Area): void {
		for (const tell of this.onUnmapped) tell();
		if (this.dirty instanceof DirtyPages) this.dirty.forget(area.start, area.last);
	}
}

/** Pages that devices wrote, as hardware marks them in a page table. */
export class DirtyPages implements DirtyTracker {
	readonly #pages = new Set<bigint>();
	enabled = false;

	/** `always`: pages are marked and reported even while tracking is off; turning it on clears the marks */
	constructor(
		readonly reasons: Reasons,
		readonly always = false,
	) {}

	set(enable: boolean): Ret {
		if (enable && (this.always || !this.enabled)) this.#pages.clear();
		this.enabled = enable;
		return 0;
	}

	mark(iova: bigint): void {
		if (this.enabled || this.always) this.#pages.add(iova >> BigInt(PAGE_SHIFT));
	}

	forget(start: bigint, last: bigint): void {
		for (const page of this.#pages) if (page >= start >> BigInt(PAGE_SHIFT) && page <= last >> BigInt(PAGE_SHIFT)) this.#pages.delete(page);
	}

	read(start: bigint, last: bigint, clear: boolean, visit: (start: bigint, last: bigint) => void): Ret {
		if (!this.enabled && !this.always) return this.reasons.fail(dirtyChecks.notTracking);
		for (const page of [...this.#pages]) {
			const first = page << BigInt(PAGE_SHIFT);
			if (first > last || first + PAGE - 1n < start) continue;
			visit(first, first + PAGE - 1n);
			if (clear) this.#pages.delete(page);
		}
		return 0;
	}
}
