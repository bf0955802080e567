/** Runs random programs at length, and reduces one that fails. */

import { vfioPaths } from "../../../src/fuzz/board.js";
import { type Answer, RandomProgram } from "../../../src/fuzz/program.js";
import { Random } from "../../../src/fuzz/random.js";
import { createSim, type SimProcess } from "../../../src/sim/index.js";
import type { IommufdContext } from "../../../src/sim/iommufd/context.js";
import { Ioas } from "../../../src/sim/iommufd/ioas.js";
import type { MemoryObject } from "../../../src/sim/memory/memory-object.js";
import { BUILTIN_MACHINES, checkMachine } from "../../../src/sim/vendors/machines.js";
import { findFaults } from "../invariants.js";

export interface SoakResult {
	calls: number;
	programs: number;
	/** how many of the calls succeeded */
	succeeded: number;
	/** the call that took longest, in ms */
	slowest: { ms: number; call: string; program: number; step: number };
}

/** What went wrong in a program, and where. */
export interface Failure {
	readonly step: number;
	readonly problem: string;
}

/** A program that can be run again, whole or in part. */
export interface SoakProgram {
	readonly machine: string | undefined;
	/** the kernel's release; undefined: 7.3 */
	readonly release?: string;
	/** percentage of calls with meaningless bytes */
	readonly wild: number;
	/** one seed for each step */
	readonly steps: readonly number[];
}

/** How many calls one program makes. */
const STEPS = 2000;
/** How many steps lie between two checks of the invariants. */
const CHECK = 200;

const machines = [undefined, undefined, "mixed", "vtd", "smmuv3", "amd"] as const;

/** The program that belongs to a seed. */
export function programOf(seed: number, steps = STEPS): SoakProgram {
	const random = new Random(seed);
	const machine = random.pick(machines);
	const wild = random.pick([0, 5, 30, 80]);
	return { machine, wild, steps: Array.from({ length: steps }, () => random.u32()) };
}

export interface SoakOptions {
	/** whether to go on, asked after each program */
	readonly goOn: (result: SoakResult) => boolean;
	/** the most calls of the next program; the default is what a program makes */
	readonly most?: (result: SoakResult) => number;
}

/** Runs random programs one after another. Throws at the first failure. */
export async function soak(seed: number, { goOn, most = () => STEPS }: SoakOptions): Promise<SoakResult> {
	const result: SoakResult = { calls: 0, programs: 0, succeeded: 0, slowest: { ms: 0, call: "", program: seed, step: 0 } };
	for (let program = seed; result.programs === 0 || goOn(result); program++) {
		result.programs++;
		const failure = runProgram(programOf(program, Math.min(STEPS, most(result))), (answer, ms, step) => {
			result.calls++;
			if (!answer.ret.startsWith("-")) result.succeeded++;
			if (ms > result.slowest.ms) result.slowest = { ms, call: answer.call, program, step };
		});
		if (failure !== undefined) throw new Error(`program ${program}, step ${failure.step}: ${failure.problem}`);
		// What a WeakRef was made for stays in memory until the event loop turns.
		await new Promise((resolve) => setImmediate(resolve));
	}
	return result;
}

/** Runs a program, and checks for failures during the run and at its end. */
export function runProgram(program: SoakProgram, onAnswer?: (answer: Answer, ms: number, step: number) => void): Failure | undefined {
	const { machine, release, wild, steps } = program;
	const uapi = release === undefined ? [] : [release];
	const process = createSim({ uapi, ...(machine !== undefined && { machine: checkMachine(BUILTIN_MACHINES[machine]) }) }).newProcess();
	const objects = watchMemory(process);
	let step = 0;
	try {
		const random = new RandomProgram(process, { wild, paths: vfioPaths(process.system) });
		for (; step < steps.length; step++) {
			const start = performance.now();
			const answer = random.step(new Random(steps[step]));
			onAnswer?.(answer, performance.now() - start, step);
			if (step % CHECK !== CHECK - 1 && step !== steps.length - 1) continue;
			const faults = [...findFaults(process), ...pinFaults(objects)];
			if (faults.length > 0) return { step, problem: faults.slice(0, 5).join("; ") };
		}
		process.exit();
		const { contexts } = process.system;
		// Linux never lets go of a context that maps its own files, or of two that map each other's.
		if ([...contexts].some(mapsFiles)) return undefined;
		if (contexts.size > 0) return { step, problem: "a context outlives its files" };
		if (objects.some((object) => !object.pins.empty)) return { step, problem: "memory stays pinned" };
		return undefined;
	} catch (error) {
		return { step, problem: (error as Error).stack ?? String(error) };
	}
}

/** Whether files that are no memory are mapped in the context. */
function mapsFiles({ objects }: IommufdContext): boolean {
	for (const object of objects)
		if (object instanceof Ioas)
			for (const { pages } of object.space.areas)
				if (pages.origin.type === "file" && pages.origin.file.memory === undefined && !pages.isDevice) return true;
	return false;
}

/** Removes steps as long as the failure stays the same (apart from numbers in its text). */
export function minimize(program: SoakProgram): SoakProgram {
	const kind = (failure: Failure | undefined) => failure?.problem.split("\n")[0].replaceAll(/\d+/g, "");
	const wanted = kind(runProgram(program));
	if (wanted === undefined) return program;
	let steps = program.steps;
	for (let part = Math.ceil(steps.length / 2); part >= 1; part = part === 1 ? 0 : Math.ceil(part / 2)) {
		for (let at = 0; at < steps.length; ) {
			const fewer = [...steps.slice(0, at), ...steps.slice(at + part)];
			if (kind(runProgram({ ...program, steps: fewer })) === wanted) steps = fewer;
			else at += part;
		}
	}
	return { ...program, steps };
}

function pinFaults(objects: readonly MemoryObject[]): string[] {
	const faults: string[] = [];
	for (const { pins, pages } of objects)
		for (const [from] of pins.runs(0, pages, true)) if (pins.at(from) !== 0) faults.push(`page ${from} is pinned ${pins.at(from)} times`);
	return faults;
}

/** Collects every memory object that is created from now on. */
function watchMemory({ system }: SimProcess): MemoryObject[] {
	const objects: MemoryObject[] = [];
	const { physical } = system;
	const make = physical.newObject.bind(physical);
	physical.newObject = (pages, kind) => {
		const object = make(pages, kind);
		objects.push(object);
		return object;
	};
	return objects;
}
