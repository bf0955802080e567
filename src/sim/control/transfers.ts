/** DMA transfers of simulated devices, which may wait for page requests along the way. */
import type { DmaOutcome } from "../contract/driver.js";
import type { PhysicalMemory } from "../memory/physical-memory.js";
import { EXEC, PRIV, READ, WRITE } from "../mmu/walk.js";
import type { HwDevice } from "../vendors/common/device.js";
import type { DeviceRequests, Ending } from "./requests.js";

export type TransferState =
	| "done"
	/** a page request is outstanding */
	| "waiting"
	/** the device has as many page requests outstanding as it may: it sends its own once one is answered */
	| "held"
	| "aborted";

/** A copy between a device and memory, split into accesses by its translations. */
export interface Transfer {
	readonly id: number;
	readonly device: HwDevice;
	readonly dir: "read" | "write";
	readonly pasid: number | undefined;
	/** what its requests are marked as; PCIe has these marks in the PASID prefix */
	readonly as: {
		readonly privileged?: boolean;
		readonly execute?: boolean;
		/** it asks for the translation first (ATS), whether or not it may */
		readonly ats?: boolean;
	};
	readonly iova: bigint;
	/** the bytes to write, or those read so far */
	readonly data: Uint8Array;
	/** bytes copied so far */
	done: number;
	state: TransferState;
	/** group of the page request that it waits for */
	group: number | undefined;
	/** page requests sent so far */
	asked: number;
	/** why the translation that it waits for was refused */
	refusal: string | undefined;
	/** why it was aborted */
	why: string | undefined;
	/** the event record that the IOMMU wrote */
	record: Uint8Array | undefined;
}

const ENDINGS: Readonly<Record<Exclude<Ending, "success">, (transfer: Transfer, group: number) => string>> = {
	invalid: ({ refusal }, group) => `${refusal ?? "refused"}; page request ${group} was answered INVALID`,
	failure: ({ refusal }, group) => `${refusal ?? "refused"}; page request ${group} was answered FAILURE`,
	stopped: () => "its page requests were stopped by a failure response",
	reset: () => "the device was reset",
};

/** Translates one access of a device; a table that a proposal put in place of the attached one comes first. */
export type Translate = (device: HwDevice, iova: bigint, access: number, pasid: number | undefined) => DmaOutcome;

/** DMA that can wait for page requests. */
export class Transfers {
	readonly all = new Map<number, Transfer>();
	#next = 1;

	constructor(
		readonly memory: PhysicalMemory,
		readonly translate: Translate,
		readonly requests: (device: HwDevice) => DeviceRequests,
		/** the device has PRI, and nobody shares its requester ID */
		readonly mayAsk: (device: HwDevice) => boolean,
	) {}

	/** Starts a transfer and continues it until it ends or has to wait. */
	start(
		device: HwDevice,
		dir: Transfer["dir"],
		iova: bigint,
		data: Uint8Array,
		pasid: number | undefined,
		as: Transfer["as"] = {},
	): Transfer {
		const transfer: Transfer = {
			id: this.#next++,
			device,
			dir,
			pasid,
			as,
			iova,
			data,
			done: 0,
			state: "done",
			group: undefined,
			asked: 0,
			refusal: undefined,
			why: undefined,
			record: undefined,
		};
		// finished transfers are of interest only for a while
		for (const [id, old] of this.all) if (this.all.size > 1000 && old.state !== "waiting" && old.state !== "held") this.all.delete(id);
		this.all.set(transfer.id, transfer);
		this.#run(transfer);
		return transfer;
	}

	/**
	 * A group of page requests has ended: transfers that waited for it continue, or are aborted; those that were held back try
	 * again. The group may be that of another device with the same requester ID.
	 */
	ended(device: HwDevice, group: number, how: Ending): void {
		const held: Transfer[] = [];
		for (const transfer of this.all.values()) {
			if (transfer.state === "held" && transfer.device.requestInterface === device.requestInterface) held.push(transfer);
			if (transfer.state !== "waiting" || transfer.group !== group || transfer.device.function !== device.function) continue;
			transfer.group = undefined;
			if (how === "success") this.#run(transfer);
			else this.#abort(transfer, ENDINGS[how](transfer, group));
		}
		for (const transfer of held) if (transfer.state === "held") this.#run(transfer);
	}

	/** The IOMMU's driver has read what was there: devices that found no room for their requests try again. */
	retry(iommu: HwDevice["iommu"]): void {
		for (const transfer of [...this.all.values()]) if (transfer.state === "held" && transfer.device.iommu === iommu) this.#run(transfer);
	}

	/** The device has no DMA under way any more. */
	end(device: HwDevice, why: string): void {
		for (const transfer of this.all.values())
			if (transfer.device === device && (transfer.state === "waiting" || transfer.state === "held")) this.#abort(transfer, why);
	}

	#run(transfer: Transfer): void {
		const { device, dir, pasid, data, as } = transfer;
		const access = (dir === "write" ? WRITE : READ) | (as.privileged ? PRIV : 0) | (as.execute ? EXEC : 0);
		transfer.state = "done";
		transfer.record = undefined;
		while (transfer.done < data.length) {
			const at = BigInt.asUintN(64, transfer.iova + BigInt(transfer.done));
			const forbidden = as.ats ? device.iommu.driver.refuseAts?.(device, at, access, pasid) : undefined;
			const outcome = forbidden ?? this.translate(device, at, access, pasid);
			if (!outcome.ok) {
				this.#refused(transfer, outcome, at, access);
				return;
			}
			const left = data.length - transfer.done;
			const count = outcome.length < BigInt(left) ? Number(outcome.length) : left;
			const part = data.subarray(transfer.done, transfer.done + count);
			const moved = dir === "write" ? this.memory.write(outcome.pa, part) : this.memory.read(outcome.pa, part);
			if (!moved) {
				this.#abort(transfer, `there is no memory at physical address 0x${outcome.pa.toString(16)}`);
				return;
			}
			transfer.done += count;
		}
	}

	#refused(transfer: Transfer, outcome: DmaOutcome & { ok: false }, at: bigint, access: number): void {
		transfer.record = outcome.record;
		transfer.refusal = outcome.why;
		if (outcome.waits !== undefined) {
			transfer.asked++;
			transfer.group = outcome.waits;
			transfer.state = "waiting";
			return;
		}
		const why = outcome.why ?? (outcome.record === undefined ? "aborted without a record" : "the IOMMU recorded an event");
		const { device, pasid } = transfer;
		if (!outcome.ats || !this.mayAsk(device)) {
			this.#abort(transfer, why);
			return;
		}
		const requests = this.requests(device);
		if (requests.stopped) {
			this.#abort(transfer, `${why}; its page requests were stopped by a failure response`);
			return;
		}
		const pages = [{ addr: at, perm: access }];
		const shared = requests.sharedGroup(pages, pasid);
		const group = shared ?? requests.freeGroup();
		if (group === undefined || (shared === undefined && !requests.room(1))) {
			transfer.state = "held";
			return;
		}
		transfer.asked++;
		transfer.state = "waiting";
		transfer.group = group;
		const sent = shared === undefined ? requests.send(pages, pasid, group, true) : "waits";
		if (sent === "lost") {
			// answered SUCCESS by the IOMMU itself: the device tries again, when there may be room
			transfer.state = "held";
			transfer.group = undefined;
			return;
		}
		// the answer may have come at once and ended the transfer
		if (sent !== "waits" && transfer.state === "waiting")
			this.#abort(transfer, `${why}; page request ${group} was answered INVALID at once`);
	}

	#abort(transfer: Transfer, why: string): void {
		transfer.state = "aborted";
		transfer.why = why;
		transfer.group = undefined;
	}
}
