/** Runs a guest's invalidation queue on a PASID table that is bound as a whole, as hardware would run it. */

import { RESPONSE_INVALID, RESPONSE_SUCCESS } from "../contract/page-request.js";
import type { GuestTable } from "../extensions/guest-table.js";
import type { PhysicalMemory } from "../memory/physical-memory.js";
import { NO_PASID } from "../mmu/caches.js";
import type { AtcFailure } from "../mmu/failing-atcs.js";
import type { HwDevice } from "../vendors/common/device.js";
import type { GuestQueue, QueueResponse } from "../vendors/guest-queue.js";
import type { DeviceRequests } from "./requests.js";

/** What became of one descriptor. */
export interface QueueRow {
	readonly index: number;
	/** the descriptor's name, or its number */
	readonly name: string;
	/**
	 * failed: it was submitted, and failed or was refused. pending: a wait behind something that failed, whose status is not
	 * written. stopped: the queue has stopped before it. nothing: it is not for a table.
	 */
	readonly state: "done" | "failed" | "pending" | "stopped" | "nothing";
	/** cached entries that it dropped */
	readonly dropped: number;
	/** as hardware calls it: ITE, ICE, IQE, CERROR_ILL ... */
	readonly error: string | null;
	/** devices whose invalidation failed, each with its PASID */
	readonly devices: readonly { readonly name: string; readonly pasid: number | null }[];
	/** the same as the IOMMU has them */
	readonly failures: readonly AtcFailure[];
	readonly why: string | null;
}

/** Where the queue is, and what failed since the last wait that completed. */
interface Progress {
	failed: QueueRow | undefined;
	stops: boolean;
	stopped: QueueRow | undefined;
}

const NO_TARGETS = { otherwise: 0, pasids: new Map(), domains: new Map() };

/** What a queue needs of the machine. */
interface Around {
	/** the page requests of a device */
	readonly requests: (device: HwDevice) => DeviceRequests;
	readonly memory: PhysicalMemory;
}

/** Runs descriptors in order, and tells what became of each. */
export function runQueue(
	queue: GuestQueue,
	table: GuestTable,
	descriptors: readonly Uint8Array[],
	{ requests, memory }: Around,
): QueueRow[] {
	const progress: Progress = { failed: undefined, stops: false, stopped: undefined };
	return descriptors.map((bytes, index) => {
		const row = runOne(queue, table, bytes, index, progress, { requests, memory });
		if (row.state === "failed") progress.failed ??= row;
		return row;
	});
}

function runOne(
	queue: GuestQueue,
	table: GuestTable,
	bytes: Uint8Array,
	index: number,
	progress: Progress,
	{ requests, memory }: Around,
): QueueRow {
	const { name, stops, waits, status, response, fate } = queue.forward(bytes, NO_TARGETS);
	const row = (state: QueueRow["state"], more: Partial<QueueRow> = {}): QueueRow => ({
		index,
		name,
		state,
		dropped: 0,
		error: null,
		devices: [],
		failures: [],
		why: null,
		...more,
	});
	const { stopped, failed } = progress;
	if (stopped !== undefined) return row("stopped", { why: `the queue has stopped at descriptor ${stopped.index} (${stopped.error})` });
	if (stops !== undefined) {
		const why = "why" in fate ? fate.why : "the hardware does not know it";
		progress.stopped = row("failed", { error: stops, why });
		return progress.stopped;
	}
	if (waits) {
		if (failed === undefined) {
			if (status === undefined) return row("done");
			const pa = table.locate(status.address);
			const text = `0x${status.address.toString(16)}`;
			return pa !== undefined && memory.write(pa, status.data)
				? row("done", { why: `its status is written to ${text}` })
				: row("failed", { why: `its status address ${text} is not in the guest's memory` });
		}
		const why = `descriptor ${failed.index} failed${failed.error === null ? "" : ` (${failed.error})`}: its status is not written`;
		const pending = row("pending", { error: failed.error, why });
		if (progress.stops) progress.stopped = pending;
		progress.failed = undefined;
		progress.stops = false;
		return pending;
	}
	const byRid = new Map([...table.devices].map(([device, rid]) => [rid, device]));
	if (response !== undefined) {
		const why = answer(response, byRid.get(response.rid), requests);
		return why === undefined ? row("done") : row("failed", { why });
	}
	const invalidations = queue.invalidations(bytes);
	if (invalidations.length === 0) return row("nothing", { why: "it does not invalidate anything of a table" });
	const strange = invalidations.find(({ device }) => device !== undefined && !byRid.has(device));
	if (strange !== undefined)
		return row("failed", { why: `requester ID 0x${strange.device?.toString(16)} does not belong to a device of the table` });
	table.takeFailures();
	const dropped = invalidations.reduce((sum, it) => {
		const device = it.device === undefined ? undefined : byRid.get(it.device)?.requester.wire;
		return sum + table.invalidate(device === undefined ? it : { ...it, device });
	}, 0);
	const failures = table.takeFailures();
	if (failures.length === 0) return row("done", { dropped });
	const errors = failures.map(({ error }) => queue.completionErrors?.[error] ?? { name: error, stops: false });
	progress.stops ||= errors.some((each) => each.stops);
	const devices = failures.map(({ device: rid, context }) => ({
		name: [...table.devices.keys()].find(({ requester }) => requester.wire === rid)?.name ?? `0x${rid.toString(16)}`,
		pasid: context === undefined || context === NO_PASID ? null : context,
	}));
	const why = `${devices.map(({ name: each }) => each).join(", ")} did not complete it: what the device has cached stays`;
	return row("failed", { dropped, error: errors[0].name, devices, failures, why });
}

/** Answers page requests of a device. Why it could not; undefined: it did. */
function answer(
	{ rid, pasid, group, code }: QueueResponse,
	device: HwDevice | undefined,
	requests: (device: HwDevice) => DeviceRequests,
): string | undefined {
	if (device === undefined) return `requester ID 0x${rid.toString(16)} does not belong to a device of the table`;
	const found = [...device.requests.pending].find(
		({ requests: [first] }) => first.group === group && (pasid === null || first.pasid === pasid),
	);
	if (found === undefined) return `page request group ${group} of ${device.name} is not pending`;
	found.holder?.forget(found);
	if (code === "failure") requests(device).fail(found);
	else found.respond(code === "success" ? RESPONSE_SUCCESS : RESPONSE_INVALID);
	return undefined;
}
