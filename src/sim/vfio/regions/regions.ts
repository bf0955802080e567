/** The regions of a PCI function: reads, writes and mappings of its BARs, ROM and configuration space. */
import type { Ret } from "../../../kernel/kernel.js";
import type { PciModel } from "../../board/pci-features.js";
import { type MemoryObject, PAGE_SIZE } from "../../memory/memory-object.js";
import type { Caller } from "../../process/caller.js";
import { bufferFault, type UserIo } from "../../process/io.js";
import type { Reasons } from "../../why/reasons.js";
import { pciRegionChecks, regionMmapChecks } from "../checks/regions.js";
import type { ConfigSpace } from "../config/space.js";
import { CONFIG_REGION, ROM_REGION, regionOf } from "../device.js";
import type { Edu } from "../edu.js";
import { type Bar, EduBar, MemoryBar } from "./bar.js";
import type { BarPages } from "./bar-pages.js";

const PAGE_SHIFT = 12n;
/** bits of a file's offset below the region's index */
const REGION_SHIFT = 40n;
const MSIX_ENTRY = 16;

export class PciRegions {
	readonly #bars: readonly Bar[];

	constructor(
		readonly node: string,
		readonly model: PciModel,
		readonly config: ConfigSpace,
		edu: Edu | undefined,
		readonly reasons: Reasons,
	) {
		this.#bars = model.bars.map((bar) => (edu === undefined ? new MemoryBar(bar) : new EduBar(bar, edu)));
	}

	bar(index: number): Bar | undefined {
		return this.#bars.find(({ model }) => model.index === index);
	}

	read(process: Caller, io: UserIo, offset: bigint): Ret {
		if (io.length === 0) return 0;
		const { index, at } = regionOf(offset);
		if (index === CONFIG_REGION) {
			const size = this.config.bytes.length;
			if (at + io.length > size) return this.reasons.fail(pciRegionChecks.configEnd, io.length, at, size);
			return io.put(0, this.config.read(at, io.length)) < 0 ? bufferFault(process, io, 0, io.length, true) : io.length;
		}
		if (index === ROM_REGION) return this.#rom(process, io, at);
		const found = this.#barAt(index, at);
		if (typeof found === "number") return found;
		const bytes = new Uint8Array(Math.min(io.length, found.model.size - at));
		found.read(at, bytes);
		this.#tablePart(found, at, bytes.length, (from, to) => bytes.fill(0xff, from, to));
		return io.put(0, bytes) < 0 ? bufferFault(process, io, 0, bytes.length, true) : bytes.length;
	}

	write(process: Caller, io: UserIo, offset: bigint): Ret {
		if (io.length === 0) return 0;
		const { index, at } = regionOf(offset);
		if (index === CONFIG_REGION) {
			const size = this.config.bytes.length;
			if (at + io.length > size) return this.reasons.fail(pciRegionChecks.configEnd, io.length, at, size);
			const bytes = new Uint8Array(io.length);
			if (io.get(0, bytes) < 0) return bufferFault(process, io, 0, bytes.length, false);
			this.config.write(at, bytes);
			return io.length;
		}
		const found = index === ROM_REGION ? this.reasons.fail(pciRegionChecks.romReadOnly, this.node) : this.#barAt(index, at);
		if (typeof found === "number") return found;
		const bytes = new Uint8Array(Math.min(io.length, found.model.size - at));
		if (io.get(0, bytes) < 0) return bufferFault(process, io, 0, bytes.length, false);
		const kept: [number, number][] = [];
		this.#tablePart(found, at, bytes.length, (from, to) => kept.push([from, to]));
		const [from, to] = kept[0] ?? [bytes.length, bytes.length];
		if (from > 0) found.write(at, bytes.subarray(0, from));
		if (to < bytes.length) found.write(at + to, bytes.subarray(to));
		return bytes.length;
	}

	/** The pages of a BAR to map, in pages of the file. `pagesOf`: the file's own object for a BAR. */
	mmap(offset: number, pages: number, pagesOf: (bar: Bar) => BarPages): { object: MemoryObject; page: number } | Ret {
		const first = BigInt(offset) << PAGE_SHIFT;
		const index = Number(first >> REGION_SHIFT);
		const page = offset % 2 ** Number(REGION_SHIFT - PAGE_SHIFT);
		const bar = index < ROM_REGION ? this.bar(index) : undefined;
		if (bar === undefined || bar.model.io || bar.model.size < 1 << 12)
			return this.reasons.fail(regionMmapChecks.regionNotMappable, index, this.node);
		const size = bar.model.size / PAGE_SIZE;
		if (page + pages > size) return this.reasons.fail(regionMmapChecks.mappingEnd, pages, page, index, size);
		return { object: pagesOf(bar), page };
	}

	/** A write to a BAR that the kernel makes; nothing happens while the device does not answer. */
	poke(bar: Bar, at: number, bytes: Uint8Array): void {
		if (bar.model.io || this.config.memoryEnabled) bar.write(at, bytes);
	}

	/** Whether a range of a BAR touches the MSI-X table. */
	inTable(bar: Bar, at: number, length: number): boolean {
		let found = false;
		this.#tablePart(bar, at, length, () => {
			found = true;
		});
		return found;
	}

	/** Every BAR after a reset of the function. */
	wasReset(): void {
		for (const bar of this.#bars) bar.reset();
	}

	/** The device is closed. */
	close(): void {
		for (const bar of this.#bars) bar.close?.();
	}

	/** An expansion ROM that holds only its signature. */
	#rom(process: Caller, io: UserIo, at: number): Ret {
		const { rom = 0 } = this.model;
		if (at >= rom) return this.reasons.fail(pciRegionChecks.romEnd, at, rom);
		const bytes = new Uint8Array(Math.min(io.length, rom - at));
		for (const [i, byte] of [0x55, 0xaa].entries()) if (i >= at && i - at < bytes.length) bytes[i - at] = byte;
		return io.put(0, bytes) < 0 ? bufferFault(process, io, 0, bytes.length, true) : bytes.length;
	}

	#barAt(index: number, at: number): Bar | Ret {
		const bar = this.bar(index);
		if (bar === undefined || at >= bar.model.size) return this.reasons.fail(pciRegionChecks.noRegion, index, bar?.model.size ?? 0, at);
		if (!bar.model.io && !this.config.memoryEnabled) return this.reasons.fail(pciRegionChecks.memoryOff, this.node);
		return bar;
	}

	/** The MSI-X table is the host's: reads of it are all ones, and writes do nothing. */
	#tablePart({ model }: Bar, at: number, length: number, visit: (from: number, to: number) => void): void {
		if (!model.msix) return;
		const start = this.model.msixTable ?? 0;
		const from = Math.max(start - at, 0);
		const to = Math.min(start + this.model.msix * MSIX_ENTRY - at, length);
		if (from < to) visit(from, to);
	}
}
