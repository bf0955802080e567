/** In-kernel users of an IOAS and the pages that they pin. */
import type { Ret } from "../../kernel/kernel.js";
import type { Area } from "../iova/area.js";
import { IOVA_MAX } from "../iova/interval-set.js";
import type { SpaceAccess } from "../iova/iova-space.js";
import type { PageRef, Pages } from "../iova/pages.js";
import { faultAt } from "../memory/fault.js";
import type { UserMemory } from "../memory/user-memory.js";
import type { Reasons } from "../why/reasons.js";
import { accessCopyChecks, accessPinChecks, copyPartChecks, pinPartChecks } from "./checks/access.js";
import type { IommufdContext } from "./context.js";
import type { Ioas } from "./ioas.js";
import { IommufdObject, type Outsider, type Release } from "./object.js";

declare module "./object.js" {
	interface ObjectTypes {
		access: Access;
	}
}

const PAGE = 0x1000n;

/** Pages that an access has pinned. */
export interface PinnedRange {
	readonly ioas: Ioas;
	readonly iova: bigint;
	readonly last: bigint;
	readonly parts: readonly { area: Area; pages: Pages; index: number; count: number }[];
	/** the pins are not dropped on request, so the areas cannot be unmapped (hardware queues) */
	readonly locks: boolean;
}

/** Who has an access: in words, and what makes them let go; undefined: destroying the owner. */
export interface Owner {
	readonly name: string;
	readonly release: ((access: Access) => Release) | undefined;
}

/** An in-kernel user of an IOAS: it copies data, or pins pages until an unmap asks for them. */
export class Access extends IommufdObject implements SpaceAccess {
	readonly type = "access";
	ioas: Ioas | undefined;
	/** the pages that it does not drop on request */
	locked: PinnedRange | undefined;
	/** in bytes */
	readonly alignment: bigint;

	constructor(
		context: IommufdContext,
		/** it pins pages, and drops the pins when `unmap` is called */
		readonly pins: boolean,
		/** whose it is */
		readonly owner: Owner,
		/** called to drop the pins in [iova, iova+length) */
		readonly onUnmap: (iova: bigint, length: bigint) => void = () => {},
		/** a driver's access keeps the context alive, the core's own do not */
		readonly holdsContext = true,
	) {
		super(context);
		if (holdsContext) context.hold();
		this.alignment = pins ? PAGE : 1n;
	}

	override holds(): readonly IommufdObject[] {
		return this.ioas === undefined ? [] : [this.ioas];
	}

	override get heldFrom(): Outsider | undefined {
		const { release, name } = this.owner;
		return release && { who: name, ...release(this) };
	}

	override get release(): Release | undefined {
		return this.owner.release?.(this);
	}

	locks(area: Area): string | undefined {
		const { locked } = this;
		return locked !== undefined && locked.iova <= area.last && locked.last >= area.start ? this.owner.name : undefined;
	}

	unmap(iova: bigint, length: bigint): void {
		this.onUnmap(iova, length);
	}

	/** Attach to an IOAS, replacing the old one, if any, whose pins are dropped first. */
	attach(ioas: Ioas): Ret {
		const old = this.ioas;
		if (old === ioas) return 0;
		const rc = ioas.space.addAccess(this);
		if (rc < 0) return rc;
		ioas.users++;
		this.detach();
		this.ioas = ioas;
		return 0;
	}

	detach(): void {
		const { ioas } = this;
		if (ioas === undefined) return;
		if (this.pins) this.onUnmap(0n, IOVA_MAX);
		ioas.space.removeAccess(this);
		ioas.users--;
		this.ioas = undefined;
	}

	/** Pin the pages of [iova, iova+length). On -EINVAL, -EOVERFLOW, -ENOENT, -EPERM, -EFAULT nothing is pinned. */
	pin(iova: bigint, length: bigint, write: boolean, locks = false): PinnedRange | Ret {
		const { system } = this.context;
		const { reasons } = system;
		if (length === 0n) return reasons.fail(accessPinChecks.pinLength);
		const last = iova + length - 1n;
		if (last > IOVA_MAX) return reasons.fail(accessPinChecks.pinRangeEnd, length, iova);
		const { ioas } = this;
		if (ioas === undefined) return reasons.fail(accessPinChecks.pinDetached, this.id);
		const parts: { area: Area; pages: Pages; index: number; count: number }[] = [];
		let rc: Ret = 0;
		for (const { area, from, to } of ioas.space.walk(iova, last)) {
			if (area === undefined) rc = reasons.fail(accessPinChecks.pinGap, from);
			else if (!system.allocation()) rc = reasons.fail(accessPinChecks.pinList, system.allocations);
			else rc = pinPart(area, from, to, last, write, reasons);
			if (rc < 0) break;
			const part = area as Area;
			const index = part.index(from);
			parts.push({ area: part, pages: part.pages, index, count: part.index(to) - index + 1 });
			if (locks) part.locks++;
			else part.accesses++;
		}
		const range: PinnedRange = { ioas, iova, last, parts, locks };
		if (rc < 0) {
			this.unpin(range);
			return rc;
		}
		if (locks) this.locked = range;
		return range;
	}

	unpin(range: PinnedRange): void {
		for (const { area, pages, index, count } of range.parts) {
			pages.unpin(index, count);
			if (range.locks) area.locks--;
			else area.accesses--;
		}
	}

	/**
	 * Copy between `data` and the memory at `iova`. Bytes before an error are copied. Memory that was mapped from
	 * `caller` is accessed through its addresses, as long as they are mapped; all other memory page by page, as by DMA.
	 */
	copy(iova: bigint, data: Uint8Array, write: boolean, caller?: UserMemory): Ret {
		const { reasons } = this.context.system;
		if (data.length === 0) return reasons.fail(accessCopyChecks.copyLength);
		const last = iova + BigInt(data.length) - 1n;
		if (last > IOVA_MAX) return reasons.fail(accessCopyChecks.copyEnd, data.length, iova);
		const { ioas } = this;
		if (ioas === undefined) return reasons.fail(accessCopyChecks.copyDetached, this.id);
		for (const { area, from, to } of ioas.space.walk(iova, last)) {
			if (area === undefined) return reasons.fail(accessCopyChecks.copyGap, from);
			if (area.closing) return reasons.fail(accessCopyChecks.copyClosing, area.start, area.last);
			if (!permits(area, write)) return reasons.fail(accessCopyChecks.copyProtection, area.start, area.last, write ? "written" : "read");
			const part = data.subarray(Number(from - iova), Number(to - iova) + 1);
			const rc = copyPart(area, from, part, write, caller, reasons);
			if (rc < 0) return rc;
		}
		return 0;
	}

	override destroy(): void {
		this.detach();
		if (this.holdsContext) this.context.release();
	}
}

function pinPart(area: Area, from: bigint, to: bigint, last: bigint, write: boolean, reasons: Reasons): Ret {
	if (area.closing) return reasons.fail(pinPartChecks.pinClosing, area.start, area.last);
	// Only whole pages may follow each other, or the caller could not index them.
	const inPage = area.byte(from) & 0xfffn;
	if (inPage !== 0n) return reasons.fail(pinPartChecks.pinStart, from, Number(inPage));
	if (to < last && (area.byte(area.last) & 0xfffn) !== 0xfffn) return reasons.fail(pinPartChecks.pinPartEnd, area.start, area.last);
	if (!permits(area, write)) return reasons.fail(pinPartChecks.pinProtection, area.start, area.last, write ? "written" : "read");
	const index = area.index(from);
	return area.pages.pin(index, area.index(to) - index + 1, reasons);
}

function permits(area: Area, write: boolean): boolean {
	return write ? area.writable : area.readable;
}

/** The pages of a range, in order. */
export function* pinnedPages({ parts }: PinnedRange): Generator<PageRef | undefined> {
	for (const { pages, index, count } of parts) for (let i = 0; i < count; i++) yield pages.pinnedPage(index + i);
}

function copyPart(area: Area, from: bigint, data: Uint8Array, write: boolean, caller: UserMemory | undefined, reasons: Reasons): Ret {
	const { pages } = area;
	const { origin } = pages;
	const start = area.byte(from);
	const gone = origin.type === "user" && origin.memory.gone === true;
	if (origin.type === "user" && origin.memory === caller) {
		const addr = (origin.uptr & ~0xfffn) + start;
		const rc = write ? origin.memory.write(addr, data) : origin.memory.read(addr, data);
		if (rc === 0) return 0;
		const fault = faultAt(origin.memory, addr, data.length, write);
		return reasons.fail(copyPartChecks.copyFault, addr, write ? "written" : "read", fault);
	}
	const index = area.index(from);
	const count = area.index(from + BigInt(data.length) - 1n) - index + 1;
	// One page is looked up where it is now. More are pinned before anything is copied, as is one whose program has gone.
	const single = count === 1 && !gone;
	const only = single ? pages.current(index, write) : undefined;
	const rc = single ? (only === undefined ? pages.missing(index, reasons) : 0) : pages.pin(index, count, reasons);
	if (rc < 0) return rc;
	for (let done = 0; done < data.length; ) {
		const byte = start + BigInt(done);
		const offset = Number(byte & 0xfffn);
		const length = Math.min(4096 - offset, data.length - done);
		const ref = only ?? pages.pinnedPage(Number(byte >> 12n));
		if (ref === undefined) break;
		if (write) ref.object.writeAt(ref.page, offset, data, done, length);
		else ref.object.readAt(ref.page, offset, data, done, length);
		done += length;
	}
	if (only === undefined) pages.unpin(index, count);
	return 0;
}
