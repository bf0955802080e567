/** Makes allocations of the simulated kernel fail in programs' calls: by fail-nth, by failslab's knobs. */
import { readFileSync } from "node:fs";
import { failsAllocations, type Kernel } from "../../kernel/kernel.js";
import type { Sim } from "../../sim/index.js";
import type { Failslab } from "./failslab.js";

export class FaultInjection {
	readonly #sim: Sim;
	/** by thread: which of its allocations fails, counted from now */
	readonly #nth = new Map<number, number>();
	/** threads with make-it-fail, which what they start inherits */
	readonly #marked = new Set<number>();
	/** set once a program has opened its knobs */
	slab: Failslab | undefined;

	constructor(sim: Sim) {
		this.#sim = sim;
	}

	nth(tid: number): number {
		return this.#nth.get(tid) ?? 0;
	}

	setNth(tid: number, nth: number): void {
		if (nth === 0) this.#nth.delete(tid);
		else this.#nth.set(tid, nth);
	}

	marked(tid: number): boolean {
		return this.#marked.has(tid);
	}

	mark(tid: number, marked: boolean): void {
		if (marked) this.#marked.add(tid);
		else this.#marked.delete(tid);
	}

	/** Makes a call of a thread on a kernel. */
	during<T>(tid: number, kernel: Kernel, call: () => T): T {
		const nth = this.#nth.get(tid);
		if (nth !== undefined && failsAllocations(kernel)) return this.#countingDown(tid, nth, kernel, call);
		const { slab } = this;
		const next = slab?.next();
		if (slab === undefined || next === undefined || !failsAllocations(kernel) || (slab.filtersTasks && !this.#inherits(tid))) return call();
		return this.#bySlab(slab, next, kernel, call);
	}

	#countingDown<T>(tid: number, nth: number, kernel: Kernel & { failNth(n: number): boolean }, call: () => T): T {
		const sim = this.#sim;
		const before = sim.allocations;
		kernel.failNth(nth);
		try {
			return call();
		} finally {
			kernel.failNth(0);
			// The call may have set it anew.
			if (this.#nth.get(tid) === nth) this.setNth(tid, Math.max(0, nth - (sim.allocations - before)));
		}
	}

	#bySlab<T>(slab: Failslab, next: number, kernel: Kernel & { failNth(n: number): boolean }, call: () => T): T {
		const sim = this.#sim;
		let counted = sim.allocations;
		kernel.failNth(next);
		sim.allocationFailed = () => {
			slab.failed();
			counted = sim.allocations;
			sim.failingAllocation = counted + (slab.next() ?? -counted);
		};
		try {
			return call();
		} finally {
			sim.allocationFailed = undefined;
			kernel.failNth(0);
			slab.passed(sim.allocations - counted);
		}
	}

	/** Whether a thread, its process or one that that descends from is marked. */
	#inherits(tid: number): boolean {
		if (this.#marked.size === 0) return false;
		for (let at = tid; at > 1; at = parentOf(at)) if (this.#marked.has(at)) return true;
		return false;
	}
}

/** The process of a thread, or the parent of a process; 0: there is none. */
function parentOf(tid: number): number {
	try {
		const status = readFileSync(`/proc/${tid}/status`, "latin1");
		const field = (name: string): number => Number(new RegExp(`^${name}:\\s*(\\d+)`, "m").exec(status)?.[1] ?? 0);
		return field("Tgid") === tid ? field("PPid") : field("Tgid");
	} catch {
		return 0;
	}
}
