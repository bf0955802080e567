/** Reports of invalidations in guests' queues that failed in hardware. */
import type { GuestTable } from "../extensions/guest-table.js";
import type { InvalidationReport } from "../extensions/invalidation-reports.js";
import { Device } from "../iommufd/device.js";
import { NO_PASID } from "../mmu/caches.js";
import type { QueueRow } from "./guest-queue.js";

/** How many are kept for each bound table. */
const MOST_REPORTS = 10_000;

/** What failed on each bound table, by the name that its caches have in listings. */
export class QueueReports {
	readonly #byTable = new Map<string, InvalidationReport[]>();

	/** @param warn writes a line to the kernel log */
	constructor(readonly warn: (line: string) => void) {}

	get all(): readonly { readonly iommu: string; readonly reports: readonly InvalidationReport[] }[] {
		return [...this.#byTable].map(([iommu, reports]) => ({ iommu, reports }));
	}

	/** Logs and keeps the failures of one descriptor. */
	add({ id, iommu, devices }: GuestTable, { index, name, error, failures, why }: QueueRow): void {
		if (failures.length === 0) return;
		this.warn(`${iommu.name}: guest table ${id}: descriptor ${index} ${name}: ${error}: ${why}`);
		const key = `${iommu.name}/table${id}`;
		const known = this.#byTable.get(key) ?? [];
		this.#byTable.set(key, known);
		for (const { device: rid, context, error: kind } of failures) {
			const owner = [...devices.keys()].find(({ requester }) => requester.wire === rid)?.boundTo;
			const deviceId = owner instanceof Device ? owner.id : undefined;
			known.push({ array: 0, entry: index, error: kind, rid, pasid: context === NO_PASID ? undefined : context, deviceId });
		}
		known.splice(0, Math.max(0, known.length - MOST_REPORTS));
	}
}
