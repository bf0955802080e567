import { iommu_hwpt_vtd_s1_invalidate_v10 as ENTRY, iommu_hwpt_invalidate_data_type as TYPE } from "../../../../structs/index.js";
import { showLeaf } from "../../call/natural.js";
import type { Details, Made } from "../../call/spec.js";

/** Entries that handle more than this are not looked through for people's eyes. */
const mostShown = 16;

/** With the uAPI vtd-inv-v10: the `hw_error` of each entry that was handled and failed, and the device that it names. */
export async function hwErrors({ inv, draft, answers }: Made): Promise<Details> {
	const { sim } = await inv.context.handle();
	if (sim?.hardware?.machine.kernel.vtdInvV10 !== true) return {};
	const leaf = ENTRY.leaves.find(({ name }) => name === "hw_error");
	const errors: { entry: number; hw_error: number; text: string }[] = [];
	let first = 0;
	for (const { before, after } of answers) {
		if (Number(draft.read(before, "data_type")) !== TYPE.IOMMU_HWPT_INVALIDATE_DATA_VTD_S1) return {};
		const handled = Number(draft.read(after, "entry_num"));
		const bytes = draft.placer.fetch(draft.read(before, "data_uptr"), handled * ENTRY.size);
		for (let at = 0; bytes !== undefined && leaf !== undefined && at < handled; at++) {
			const entry = bytes.subarray(at * ENTRY.size, (at + 1) * ENTRY.size);
			const { hw_error } = ENTRY.decode(entry);
			if (hw_error !== 0) errors.push({ entry: first + at, hw_error, text: showLeaf(leaf, entry) });
		}
		first += handled;
	}
	if (errors.length === 0) return { json: { hwErrors: [] }, fields: { hw_errors: 0 } };
	const { invalidationReports } = await import("../../../sim/extensions/vtd-inv-v10.js");
	const { VtdDriver } = await import("../../../sim/vendors/vtd/driver.js");
	const reports = sim.hardware.iommus.flatMap(({ driver }) =>
		driver instanceof VtdDriver ? invalidationReports(driver).slice(-errors.length) : [],
	);
	const named = errors.map((error) => ({ ...error, device: reports.findLast(({ entry }) => entry === error.entry)?.deviceId ?? null }));
	return {
		lines: named.slice(0, mostShown).map(({ entry, text, device }) => `entry ${entry}: hw_error ${text}, device ${device ?? "unknown"}`),
		json: { hwErrors: named.map(({ entry, hw_error, device }) => ({ entry, hw_error, device })) },
		fields: { hw_errors: named.length, hw_error: named[0].hw_error, failed_device: named[0].device ?? 0 },
	};
}
