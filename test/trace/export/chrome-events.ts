/** What is wrong with a document of Chrome's JSON events, by the rules that Perfetto reads it by. */
import type { ChromeEvent } from "../../../src/trace/export/perfetto.js";

/** Slices of one thread nest; objects begin and end once, in order; flows begin and end inside of slices; counters count. */
export function problemsOf(events: readonly ChromeEvent[]): string[] {
	const problems: string[] = [];
	const say = (event: ChromeEvent, text: string) => problems.push(`${JSON.stringify(event)}: ${text}`);
	const threads = new Map<string, ChromeEvent[]>();
	const begun = new Map<string, ChromeEvent>();
	for (const event of events) {
		const { ph, name, pid, tid, ts, dur, id, args } = event;
		if (!["X", "b", "e", "s", "f", "C", "M"].includes(ph)) say(event, "its phase is not known");
		if (typeof name !== "string" || !Number.isInteger(pid) || !Number.isInteger(tid)) say(event, "name, pid or tid is missing");
		if (ph !== "M" && !(typeof ts === "number" && ts >= 0)) say(event, "ts is not a time");
		if (ph === "X") {
			if (!(typeof dur === "number" && dur >= 0)) say(event, "dur is not a duration");
			threads.set(`${pid} ${tid}`, [...(threads.get(`${pid} ${tid}`) ?? []), event]);
		}
		if (ph === "C" && !Object.values(args ?? {}).every((value) => typeof value === "number" && value >= 0))
			say(event, "its value does not count");
		if (ph === "M" && typeof args?.name !== "string") say(event, "names nothing");
		if ("bes f".includes(ph) && ph !== "M" && (typeof id !== "string" || event.cat === undefined)) say(event, "id or cat is missing");
		const key = `${event.cat} ${id}`;
		if (ph === "b" || ph === "s") {
			if (begun.has(key)) say(event, "begins twice");
			begun.set(key, event);
		}
		if (ph === "e" || ph === "f") {
			const start = begun.get(key);
			if (start === undefined) say(event, "has not begun");
			else if ((start.ts as number) > (ts as number)) say(event, "ends before it begins");
			else if (start.name !== name) say(event, "has another name than its begin");
			begun.set(key, { ...event, ph: "e", args: { done: true } });
		}
	}
	for (const left of begun.values()) if (left.args?.done !== true) say(left, "does not end");
	for (const slices of threads.values()) {
		const open: number[] = [];
		for (const slice of [...slices].sort((a, b) => (a.ts as number) - (b.ts as number) || (b.dur as number) - (a.dur as number))) {
			while (open.length > 0 && (open.at(-1) as number) <= (slice.ts as number)) open.pop();
			const end = (slice.ts as number) + (slice.dur as number);
			if (open.length > 0 && end > (open.at(-1) as number)) say(slice, "overlaps another slice of its thread");
			open.push(end);
		}
	}
	for (const event of events) {
		if (event.ph !== "s" && event.ph !== "f") continue;
		const at = event.ts as number;
		const around = threads.get(`${event.pid} ${event.tid}`)?.some(({ ts = 0, dur = 0 }) => ts <= at && at <= ts + dur);
		if (!around) say(event, "is not inside of a slice");
	}
	return problems;
}
