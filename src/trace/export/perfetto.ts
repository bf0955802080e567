/** Exports traces for Perfetto and chrome://tracing: the Chrome JSON format. */
import type { IoctlStep, Step } from "../format.js";
import { shownRequest } from "../requests.js";
import { leavesOf, wholeStruct } from "../tools/fields.js";
import type { Program } from "../tools/programs.js";
import { stepLine, verdict } from "../tools/show.js";
import { Objects } from "./objects.js";
import { MappedBytes } from "./perfetto-mapped.js";

/** One event of the format. */
export interface ChromeEvent {
	/** X: a slice; b, e: an object's life; s, f: a flow's ends; C: a counter; M: a name */
	readonly ph: "X" | "b" | "e" | "s" | "f" | "C" | "M";
	readonly name: string;
	readonly cat?: string;
	readonly pid: number;
	readonly tid: number;
	/** in microseconds */
	readonly ts?: number;
	readonly dur?: number;
	readonly id?: string;
	/** of a flow's end: the slice that is around it */
	readonly bp?: "e";
	readonly args?: Readonly<Record<string, unknown>>;
}

/**
 * The programs as one document: a program is a process, a file a thread, a call a slice; objects live in async slices, the bytes that an
 * address space maps are a counter, and a flow goes from the call that made an object to each that names its ID. A step's time is its
 * own if all of the program's steps have one, else its number.
 */
export function exportPerfetto(programs: readonly Program[]): string {
	const traceEvents = programs.flatMap((program, at) => new Drawing(program, at + 1).events);
	const lines = traceEvents.map((event) => JSON.stringify(event)).join(",\n");
	return `{"otherData":{"schema":"iommuctl.perfetto","version":1},"displayTimeUnit":"ns","traceEvents":[\n${lines}\n]}\n`;
}

interface Slice {
	readonly tid: number;
	/** within the slice */
	readonly at: number;
}

interface Life {
	readonly name: string;
	readonly id: string;
	readonly context: string;
	readonly by: Slice;
	readonly from: number;
	ended: boolean;
}

/** Calls of one file that do not overlap. */
interface Lane {
	readonly tid: number;
	end: number;
}

class Drawing {
	readonly events: ChromeEvent[] = [];
	readonly #pid: number;
	readonly #lanes = new Map<string, Lane[]>();
	readonly #objects = new Objects<Life>();
	readonly #lives: Life[] = [];
	readonly #mapped = new MappedBytes();
	#tids = 0;
	#flows = 0;

	constructor({ name, steps }: Program, pid: number) {
		this.#pid = pid;
		this.events.push({ ph: "M", name: "process_name", pid, tid: 0, args: { name } });
		const times = timesOf(steps);
		const last = times.reduce((most, { ts, dur }) => Math.max(most, ts + dur), 0);
		steps.forEach((step, at) => {
			const { ts } = times[at];
			const dur = step.pending ? last - ts : times[at].dur;
			const slice = this.#slice(step, at, ts, dur);
			this.#objects.follow(step);
			if (step.op === "ioctl") this.#ioctl(step, slice, ts + dur);
			if (step.op === "close") this.#ended(step.fd, ts + dur);
		});
		for (const life of this.#lives) this.#end(life, last);
	}

	#slice(step: Step, at: number, ts: number, dur: number): Slice {
		const tid = this.#track(step, ts, dur);
		const name = step.op === "ioctl" ? shownRequest(step) : step.op;
		const answer = "ret" in step && step.ret !== undefined ? { ret: step.ret, ...(step.errno && { errno: step.errno }) } : {};
		const args = { step: at + 1, call: stepLine(step), ...answer };
		this.events.push({ ph: "X", name, cat: verdict(step), pid: this.#pid, tid, ts, dur, args });
		return { tid, at: ts + dur / 2 };
	}

	/** The track of a step's file: calls that overlap, as threads make them, are side by side. */
	#track(step: Step, ts: number, dur: number): number {
		const file = "fd" in step && step.fd !== undefined ? step.fd : "memory";
		const name = step.process === undefined ? file : `${step.process}: ${file}`;
		const lanes = this.#lanes.get(name) ?? [];
		this.#lanes.set(name, lanes);
		let lane = lanes.find(({ end }) => end <= ts);
		if (lane === undefined) {
			lane = { tid: ++this.#tids, end: 0 };
			lanes.push(lane);
			const path = step.op === "open" ? ` (${step.path})` : "";
			const shown = lanes.length === 1 ? `${name}${path}` : `${name} (${lanes.length})`;
			this.events.push({ ph: "M", name: "thread_name", pid: this.#pid, tid: lane.tid, args: { name: shown } });
		}
		lane.end = ts + dur;
		return lane.tid;
	}

	#ioctl(step: IoctlStep, slice: Slice, end: number): void {
		for (const life of this.#named(step)) this.#flow(life, slice);
		for (const { kind, id } of this.#objects.made(step)) {
			const life: Life = {
				name: `${kind} ${id}`,
				id: `object ${this.#pid}.${this.#lives.length + 1}`,
				context: step.fd,
				by: slice,
				from: end,
				ended: false,
			};
			this.#lives.push(life);
			this.#objects.keep(step, id, life);
			this.events.push({ ph: "b", name: life.name, cat: "object", pid: this.#pid, tid: slice.tid, ts: end, id: life.id });
		}
		const request = shownRequest(step);
		if (request === "IOMMU_DESTROY" && step.ret >= 0) for (const life of this.#named(step)) this.#end(life, end);
		const mapped = this.#mapped.follow(step, request);
		if (mapped === undefined) return;
		const args = { bytes: Number(mapped.bytes) };
		this.events.push({ ph: "C", name: `mapped bytes, ${mapped.space}`, pid: this.#pid, tid: 0, ts: end, args });
	}

	/** The objects whose IDs a call gives, those that live. */
	#named(step: IoctlStep): Set<Life> {
		const whole = step.arg === undefined ? undefined : wholeStruct(step, step.arg);
		const found = whole === undefined ? [] : leavesOf(whole.type, whole.values).flatMap((leaf) => this.#objects.lookUp(step, leaf) ?? []);
		return new Set(found.filter(({ ended }) => !ended));
	}

	#flow({ name, by }: Life, to: Slice): void {
		// Clocks of several processors: time only flows forward in a drawing.
		if (to.at < by.at) return;
		const id = `use ${this.#pid}.${++this.#flows}`;
		const common = { name, cat: "use", pid: this.#pid, id } as const;
		this.events.push({ ...common, ph: "s", tid: by.tid, ts: by.at }, { ...common, ph: "f", bp: "e", tid: to.tid, ts: to.at });
	}

	/** A file is closed: its objects are gone. */
	#ended(file: string, ts: number): void {
		for (const life of this.#lives) if (life.context === file) this.#end(life, ts);
	}

	#end(life: Life, ts: number): void {
		if (life.ended) return;
		life.ended = true;
		const end = Math.max(ts, life.from);
		this.events.push({ ph: "e", name: life.name, cat: "object", pid: this.#pid, tid: life.by.tid, ts: end, id: life.id });
	}
}

/** Without a duration, a call lasts until the next step, but not longer than a microsecond. */
function timesOf(steps: readonly Step[]): { readonly ts: number; readonly dur: number }[] {
	if (!steps.every(({ time }) => time !== undefined)) return steps.map((_, at) => ({ ts: at + 1, dur: 1 }));
	const times = steps.map(({ time }) => time as number);
	// the next later time of each step, from the end
	const later: number[] = [];
	for (let at = times.length - 1; at >= 0; at--) later[at] = times[at + 1] > times[at] ? times[at + 1] : (later[at + 1] ?? times[at] + 1);
	return steps.map(({ duration }, at) => {
		const rest = times[at + 1] === times[at] ? 0 : Math.min(1, Math.max(0, later[at] - times[at]));
		return { ts: times[at], dur: duration ?? rest };
	});
}
