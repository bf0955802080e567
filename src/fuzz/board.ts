/** The simulated kernel that a program is drawn on: its calls become the steps of a trace, and what they show is collected. */
import { iommu_test_cmd, iommu_test_op } from "../../structs/index.js";
import type { Kernel } from "../kernel/kernel.js";
import { createSim, inspect, type Machine, type Sim } from "../sim/index.js";
import { FieldError, ProgramReplay, recording, type Step } from "../trace/index.js";
import { RandomProgram } from "./program.js";
import { tamed } from "./tame.js";

/** The calls that are steps also where they fail. */
const FAILING: ReadonlySet<Step["op"]> = new Set(["ioctl", "open", "read", "write", "pread", "pwrite"]);

export interface BoardOptions {
	/** undefined: only the selftest's mock devices */
	readonly machine?: Machine;
	/** programs have children: only for kernels that can fork */
	readonly forks?: boolean;
}

export class Board {
	readonly #sim: Sim;
	readonly #kernel: Kernel;
	/** the checks that failed since the last step */
	#failed: string[] = [];
	readonly steps: Step[] = [];
	/** names of what was seen: a call and its errno, a check that failed, the kinds of objects alive together */
	readonly behaviour = new Set<string>();
	readonly program: RandomProgram;

	constructor({ machine, forks }: BoardOptions = {}) {
		this.#sim = createSim(machine === undefined ? {} : { machine });
		this.#sim.reasons.onFailed = (call, check) => this.#failed.push(`${call}.${check.name}`);
		this.#kernel = recording(this.#sim.newProcess(), { step: (step) => this.#add(step), end: () => {} });
		this.program = new RandomProgram(
			tamed(this.#kernel, (fd) => this.program.known.kindOf(fd) !== undefined),
			{ determined: true, empty: true, forks, paths: vfioPaths(this.#sim) },
		);
	}

	/** Makes the calls of other programs' steps. What makes no sense here is left out. */
	replay(steps: Iterable<Step>): void {
		const replay = new ProgramReplay(this.program.kernel);
		for (const step of steps) {
			try {
				replay.run(step);
			} catch (error) {
				if (!(error instanceof FieldError)) throw error;
			}
		}
	}

	/** The program ends. @returns what the kernel could not release */
	end(): string[] {
		this.program.exit();
		return inspect(this.#sim).leftovers();
	}

	#add(step: Step): void {
		this.steps.push(step);
		const name = callName(step);
		// Calls that are no steps, as they failed without any effect, are not there when the program is run again.
		const id = `${name
			.replace(/^IOMMU_/, "")
			.replaceAll("_", "-")
			.toLowerCase()}.`;
		if (FAILING.has(step.op)) for (const check of this.#failed) if (check.startsWith(id)) this.behaviour.add(check);
		this.#failed = [];
		if (step.op !== "ioctl") {
			this.behaviour.add(`${step.op} ${"errno" in step ? step.errno : "ok"}`);
			return;
		}
		this.behaviour.add(`${name} ${step.errno ?? "ok"}`);
		if (step.ret === 0 && !name.startsWith("IOMMU_IOAS_")) this.behaviour.add(this.#kinds());
	}

	/** How many objects of each kind there are: none, one, or some. */
	#kinds(): string {
		const counts = new Map<string, number>();
		for (const { objects } of this.#sim.contexts) for (const { type } of objects) counts.set(type, (counts.get(type) ?? 0) + 1);
		const kinds = [...counts].map(([type, count]) => (count > 1 ? `${type}s` : type)).sort();
		return `${this.#sim.contexts.size > 1 ? "contexts: " : ""}${kinds.join(" ")}`;
	}
}

/** The paths that a program on the machine may open; undefined without VFIO devices. */
export function vfioPaths(sim: Sim): string[] | undefined {
	if (sim.vfio === undefined) return undefined;
	const devices = [...sim.vfio.devices.keys()].map((name) => `/dev/vfio/devices/${name}`);
	return [...devices, ...devices, "/dev/vfio/vfio", "/dev/vfio/1", "/dev/vfio/2"];
}

const OP = iommu_test_cmd.offsets.op * 2;
const operations = new Map<number, string>(Object.entries(iommu_test_op).map(([name, op]) => [op, name.replace("_OP_", "_")]));

/** A call's name; of a selftest's command, the operation's: `IOMMU_TEST_DIRTY`. */
export function callName(step: Step): string {
	if (step.op !== "ioctl") return step.op;
	if (step.request !== "IOMMU_TEST_CMD" || step.arg === undefined || step.arg.length < OP + 8) return step.request;
	const op = Buffer.from(step.arg.slice(OP, OP + 8), "hex").readUInt32LE(0);
	return operations.get(op) ?? step.request;
}
