/** The hardware errors that the handled entries of an invalidation array report. */
import { showLeaf } from "../../call/natural.js";
import type { Details, Made } from "../../call/spec.js";
import type { Invocation } from "../../frame/command.js";

/** The most errors shown as text; the JSON has all. */
const mostShown = 16;

/** The struct of an entry with its `hw_error`, where a proposal that the kernel has reports it for arrays of this type. */
export async function entryWithError(inv: Invocation, type: number | undefined) {
	const { sim } = await inv.context.handle();
	if (sim?.hardware === undefined) return undefined;
	const { proposals } = await import("../../../sim/index.js");
	const { vendor } = sim.hardware.machine.kernel;
	const on = Object.values(proposals()).flatMap(({ option, entryErrors }) => (vendor[option] && entryErrors ? [entryErrors] : []));
	return on.find((each) => each.type === type)?.entry;
}

/** With a proposal that reports it (vtd-inv-v10): the `hw_error` of each entry that was handled and failed, and its device. */
export async function hwErrors({ inv, draft, answers }: Made): Promise<Details> {
	const { sim } = await inv.context.handle();
	const struct = await entryWithError(inv, answers.length === 0 ? undefined : Number(draft.read(answers[0].before, "data_type")));
	if (sim === undefined || struct === undefined) return {};
	const leaf = struct.leaves.find(({ name }) => name === "hw_error");
	const errors: { entry: number; at: number; array: number; hw_error: number; text: string }[] = [];
	let first = 0;
	let arrays = 0;
	for (const { before, after } of answers) {
		const handled = Number(draft.read(after, "entry_num"));
		const bytes = draft.placer.fetch(draft.read(before, "data_uptr"), handled * struct.size);
		const known = errors.length;
		for (let at = 0; bytes !== undefined && leaf !== undefined && at < handled; at++) {
			const entry = bytes.subarray(at * struct.size, (at + 1) * struct.size);
			const { hw_error } = struct.decode(entry);
			if (hw_error !== 0) errors.push({ entry: first + at, at, array: arrays, hw_error, text: showLeaf(leaf, entry) });
		}
		if (errors.length > known) arrays++;
		first += handled;
	}
	if (errors.length === 0) return { json: { hwErrors: [] }, fields: { hw_errors: 0 } };
	// the last arrays that reported anything are these
	const reports = sim.invalidationReports.flatMap((each) => each.reports);
	const last = Math.max(0, ...reports.map(({ array }) => array));
	const named = errors.map(({ at, array, ...error }) => {
		const its = reports.filter((report) => report.array === last - arrays + 1 + array && report.entry === at);
		const devices = [...new Set(its.map(({ deviceId }) => deviceId ?? null))];
		return { ...error, device: devices[0] ?? null, devices };
	});
	return {
		lines: named.slice(0, mostShown).map(({ entry, text, devices }) => `entry ${entry}: hw_error ${text}, ${whose(devices)}`),
		json: { hwErrors: named.map(({ entry, hw_error, device, devices }) => ({ entry, hw_error, device, devices })) },
		fields: { hw_errors: named.length, hw_error: named[0].hw_error, failed_device: named[0].device ?? 0 },
	};
}

function whose(devices: readonly (number | null)[]): string {
	if (devices.length === 0) return "device unknown";
	return `${devices.length > 1 ? "devices" : "device"} ${devices.map((id) => id ?? "unknown").join(", ")}`;
}
