/** The hardware errors that the handled entries of an invalidation array report. */
import { showLeaf } from "../../call/natural.js";
import type { Details, Made } from "../../call/spec.js";

/** The most errors shown as text; the JSON has all. */
const mostShown = 16;

/** With a proposal that reports it (vtd-inv-v10): the `hw_error` of each entry that was handled and failed, and its device. */
export async function hwErrors({ inv, draft, answers }: Made): Promise<Details> {
	const { sim } = await inv.context.handle();
	if (sim?.hardware === undefined) return {};
	const { proposals } = await import("../../../sim/index.js");
	const { vendor } = sim.hardware.machine.kernel;
	const on = Object.values(proposals()).flatMap(({ option, entryErrors }) => (vendor[option] && entryErrors ? [entryErrors] : []));
	const type = answers.length === 0 ? undefined : Number(draft.read(answers[0].before, "data_type"));
	const found = on.find((each) => each.type === type);
	if (found === undefined) return {};
	const { entry: struct } = found;
	const leaf = struct.leaves.find(({ name }) => name === "hw_error");
	const errors: { entry: number; hw_error: number; text: string }[] = [];
	let first = 0;
	for (const { before, after } of answers) {
		const handled = Number(draft.read(after, "entry_num"));
		const bytes = draft.placer.fetch(draft.read(before, "data_uptr"), handled * struct.size);
		for (let at = 0; bytes !== undefined && leaf !== undefined && at < handled; at++) {
			const entry = bytes.subarray(at * struct.size, (at + 1) * struct.size);
			const { hw_error } = struct.decode(entry);
			if (hw_error !== 0) errors.push({ entry: first + at, hw_error, text: showLeaf(leaf, entry) });
		}
		first += handled;
	}
	if (errors.length === 0) return { json: { hwErrors: [] }, fields: { hw_errors: 0 } };
	const reports = sim.invalidationReports.flatMap((each) => each.reports.slice(-errors.length));
	const named = errors.map((error) => ({ ...error, device: reports.findLast(({ entry }) => entry === error.entry)?.deviceId ?? null }));
	return {
		lines: named.slice(0, mostShown).map(({ entry, text, device }) => `entry ${entry}: hw_error ${text}, device ${device ?? "unknown"}`),
		json: { hwErrors: named.map(({ entry, hw_error, device }) => ({ entry, hw_error, device })) },
		fields: { hw_errors: named.length, hw_error: named[0].hw_error, failed_device: named[0].device ?? 0 },
	};
}
