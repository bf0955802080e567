/** What the simulated kernel's log says about a call that it refused. */
import type { Draft } from "../../call/draft.js";
import type { Details, Made } from "../../call/spec.js";

/** The length of the kernel's log before a call whose refusal the kernel explains there; undefined if the call is not made. */
export async function logLength(draft: Draft): Promise<number | undefined> {
	if (draft.dry) return undefined;
	const { log } = await draft.inv.context.handle();
	return log?.().length ?? 0;
}

/** What the kernel logged during a call that failed; `from` is the length of its log before. */
export async function logged({ inv, answer }: Made, from: number | undefined): Promise<Details | undefined> {
	if (answer.errno === 0 || from === undefined) return undefined;
	const { log } = await inv.context.handle();
	const lines = log?.().slice(from) ?? [];
	return lines.length === 0 ? undefined : { lines: lines.map((line) => `kernel log: ${line}`), json: { log: lines } };
}
