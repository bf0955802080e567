/** VFIO_DEVICE_IOEVENTFD: writes to a BAR that a signal of an eventfd makes. */
import type { Ret } from "../../../kernel/kernel.js";
import type { UserArg } from "../../memory/user-arg.js";
import type { Caller } from "../../process/caller.js";
import type { HeldEvent } from "../../process/event-file.js";
import { readArg } from "../args.js";
import { ioeventfdChecks } from "../checks/interrupts.js";
import { ROM_REGION, regionOf } from "../device.js";
import type { PciRegions } from "../regions/regions.js";
import { eventOf } from "./set-irqs.js";

/** bytes of argsz, flags, offset, data and fd */
const MIN = 28;
/** Widths of the write, of which a call has one. */
const SIZES = 0xf;
/** As many as a device can have. */
const MOST = 1000;

export class IoEventfds {
	readonly #events = new Map<string, HeldEvent>();

	constructor(readonly regions: () => PciRegions) {}

	set(process: Caller, arg: UserArg): Ret {
		const { reasons } = process;
		const head = readArg(process, arg, MIN);
		if (typeof head === "number") return head;
		const argsz = head.getUint32(0, true);
		const flags = head.getUint32(4, true);
		const [offset, data, fd] = [head.getBigUint64(8, true), head.getBigUint64(16, true), head.getInt32(24, true)];
		if (argsz < MIN) return reasons.fail(ioeventfdChecks.argsz, argsz, MIN);
		const size = flags & SIZES;
		if (flags & ~SIZES || size === 0 || (size & (size - 1)) !== 0) return reasons.fail(ioeventfdChecks.oneSize, flags);
		if (fd < -1) return reasons.fail(ioeventfdChecks.fdNegative, fd);
		const { index, at } = regionOf(offset);
		const regions = this.regions();
		const bar = index < ROM_REGION ? regions.bar(index) : undefined;
		if (bar === undefined || at + size > bar.model.size) return reasons.fail(ioeventfdChecks.noBar, offset);
		if (regions.inTable(bar, at, size)) return reasons.fail(ioeventfdChecks.inTable, offset);
		const key = `${size} ${offset} ${data}`;
		if (this.#events.has(key)) {
			if (fd >= 0) return reasons.fail(ioeventfdChecks.thereAlready, offset, data);
			this.#drop(key);
			return 0;
		}
		if (fd < 0) return reasons.fail(ioeventfdChecks.notThere, offset, data);
		if (this.#events.size >= MOST) return reasons.fail(ioeventfdChecks.tooMany, MOST);
		const event = eventOf(process, fd);
		if (typeof event === "number" || event === undefined) return event ?? 0;
		this.#events.set(key, event);
		const bytes = new Uint8Array(BigUint64Array.of(data).buffer).subarray(0, size);
		event.watch(() => regions.poke(bar, at, bytes));
		return 0;
	}

	/** The device is closed. */
	reset(): void {
		for (const key of [...this.#events.keys()]) this.#drop(key);
	}

	#drop(key: string): void {
		this.#events.get(key)?.release();
		this.#events.delete(key);
	}
}
