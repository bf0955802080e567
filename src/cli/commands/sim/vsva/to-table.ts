/** Runs a guest's descriptors on a table that is bound as a whole, and shows what became of each. */
import { EIO } from "../../../../kernel/errno.js";
import type { QueueVendor } from "../../../../sim/index.js";
import type { Invocation } from "../../../frame/command.js";
import { exitCode, type Outcome } from "../../../frame/exit.js";
import { plural } from "../../../frame/text.js";
import { changing, printDocument } from "../control.js";

/** EIO if anything failed, or was not reached because of that. */
export async function toTable(
	inv: Invocation,
	{ kind, queue }: QueueVendor,
	id: number,
	descriptors: readonly Uint8Array[],
): Promise<Outcome> {
	const control = await changing(inv);
	const rows = control.runQueue(queue, control.guestTables.get(id), descriptors);
	const finished = rows.filter(({ state }) => state === "done").length;
	const failed = rows.filter(({ state }) => state === "failed" || state === "pending" || state === "stopped");
	if (inv.common.json)
		printDocument(inv, "iommuctl.vsva.forward", {
			vendor: kind,
			table: id,
			descriptors: rows.map(({ failures: _, ...row }) => ({ ...row, done: row.state === "done" })),
		});
	else {
		const { out, io } = inv;
		for (const { index, name, state, dropped, error, why } of rows) {
			const text = {
				done: `done${dropped > 0 || queue.invalidations(descriptors[index]).length > 0 ? `, ${plural(dropped, "cached entry")} dropped` : ""}${why === null ? "" : `: ${why}`}`,
				nothing: `nothing done: ${why}`,
				failed: `${out.bad("failed")}${error === null ? "" : ` (${error})`}: ${why}`,
				pending: `${out.bad("not completed")}: ${why}`,
				stopped: `not fetched: ${why}`,
			}[state];
			io.stdout.write(`${index}  ${name}  ${text}\n`);
		}
	}
	return {
		exit: failed.length > 0 ? exitCode.failed : exitCode.done,
		errno: failed.length > 0 ? EIO : 0,
		fields: { done: finished, dropped: rows.reduce((sum, row) => sum + row.dropped, 0), failed: failed.length },
	};
}
