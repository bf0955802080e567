import type { Draft } from "../../call/draft.js";
import type { Details, Made } from "../../call/spec.js";

/** By call: how long the kernel's log was before it. */
const marks = new WeakMap<Draft, number>();

/** Remembers how far the log is, before a call whose refusal the kernel explains there. */
export async function markLog(draft: Draft): Promise<void> {
	if (draft.dry) return;
	const { log } = await draft.inv.context.handle();
	marks.set(draft, log?.().length ?? 0);
}

/** What the kernel logged during a call that failed. */
export async function logged({ inv, draft, answer }: Made): Promise<Details | undefined> {
	const from = marks.get(draft);
	if (answer.errno === 0 || from === undefined) return undefined;
	const { log } = await inv.context.handle();
	const lines = log?.().slice(from) ?? [];
	return lines.length === 0 ? undefined : { lines: lines.map((line) => `kernel log: ${line}`), json: { log: lines } };
}
