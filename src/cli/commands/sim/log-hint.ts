/** What the simulated kernel's log says of a call that it refused. */
import type { Draft } from "../../call/draft.js";
import type { Details, Made } from "../../call/spec.js";

/** Remembers how far the log is, before a call whose refusal the kernel explains there. */
export async function markLog(draft: Draft): Promise<void> {
	if (draft.dry) return;
	const { log } = await draft.inv.context.handle();
	draft.logBefore = log?.().length ?? 0;
}

/** What the kernel logged during a call that failed. */
export async function logged({ inv, draft, answer }: Made): Promise<Details | undefined> {
	const from = draft.logBefore;
	if (answer.errno === 0 || from === undefined) return undefined;
	const { log } = await inv.context.handle();
	const lines = log?.().slice(from) ?? [];
	return lines.length === 0 ? undefined : { lines: lines.map((line) => `kernel log: ${line}`), json: { log: lines } };
}
