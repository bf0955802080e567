/** Reduces what was found to the fewest steps, on the kernels that showed it. */
import { type Answer, FieldError, ProgramReplay, recording, type Step } from "../trace/index.js";
import { minimize } from "../trace/tools/index.js";
import { type Difference, differenceOf, type Side } from "./sides.js";
import { type Signature, signatureKey, signatureOf, warningSignature } from "./signature.js";
import { simplified } from "./simplify.js";

export interface Finding {
	readonly seed: number;
	/** the program's number */
	readonly program: number;
	readonly signature: Signature;
	/** the fewest steps that show it, with the right side's answers */
	readonly steps: readonly Step[];
	/** how many steps the program had */
	readonly whole: number;
	/** the last of the steps and both answers; with the reason, where a simulated kernel gave one */
	readonly difference?: { readonly left: Answer; readonly right: Answer };
	/** what the kernel's log said, or what was left behind */
	readonly lines?: readonly string[];
}

export type Found = Omit<Finding, "seed" | "program">;

/** How often fields are made plain, and steps left out that then are not needed. */
const ROUNDS = 3;

/**
 * The fewest steps of which `holds` is still true, with plain values; undefined if it is not true of all of them.
 * @param left numbers the objects anew where one is left out
 */
export async function reduced(
	steps: readonly Step[],
	holds: (part: readonly Step[]) => boolean,
	left: Side,
): Promise<readonly Step[] | undefined> {
	const fewest = async (whole: readonly Step[]) => (await minimize(whole, holds, () => left.open()))?.steps;
	let least = await fewest(steps);
	for (let round = 0; least !== undefined && round < ROUNDS; round++) {
		const plain = simplified(least, holds);
		if (plain === undefined) break;
		least = (await fewest(recordedOn(plain, left))) ?? plain;
	}
	return least;
}

/** The difference in as few steps as show it; undefined if it does not come again. */
export async function reducedDifference(steps: readonly Step[], found: Difference, left: Side, right: Side): Promise<Found | undefined> {
	const key = signatureKey(signatureOf(found));
	const again = (part: readonly Step[]): Difference | undefined => {
		const difference = differenceOf(part, left, right);
		return difference !== undefined && signatureKey(signatureOf(difference)) === key ? difference : undefined;
	};
	const least = await reduced(steps.slice(0, found.at + 1), (part) => again(part) !== undefined, left);
	const difference = least && again(least);
	if (least === undefined || difference === undefined) return undefined;
	return {
		// A rule of a release shows in several answers, and another one may be left.
		signature: signatureOf(difference),
		whole: steps.length,
		steps: recordedOn(least, right),
		difference: { left: difference.left, right: difference.right },
	};
}

/** A warning in the log that the steps lead to, in as few steps; all of them if it does not come again. */
export async function reducedWarning(steps: readonly Step[], lines: readonly string[], left: Side, right: Side): Promise<Found> {
	const signature = warningSignature(lines[0]);
	const key = signatureKey(signature);
	let last = lines;
	const again = (part: readonly Step[]): boolean => {
		right.again?.();
		right.warnings?.();
		if (!runs(part, right)) return false;
		const now = right.warnings?.() ?? [];
		const same = now.find(([line]) => signatureKey(warningSignature(line)) === key);
		last = same ?? last;
		return same !== undefined;
	};
	const least = await reduced(steps, again, left);
	return { signature, whole: steps.length, steps: recordedOn(least ?? steps, right), lines: last };
}

/** What the right side keeps behind a program and the left one does not, in as few steps; undefined if that does not come again. */
export async function reducedLeftovers(steps: readonly Step[], left: Side, right: Side): Promise<Found | undefined> {
	let lines: readonly string[] = [];
	const again = (part: readonly Step[]): boolean => {
		if (!runs(part, left) || !runs(part, right)) return false;
		const expected = left.leftovers?.() ?? [];
		const now = (right.leftovers?.() ?? []).filter((line) => !expected.includes(line));
		if (now.length > 0) lines = now;
		return now.length > 0;
	};
	const least = await reduced(steps, again, left);
	if (least === undefined) return undefined;
	return { signature: { kind: "leak", call: "objects" }, whole: steps.length, steps: recordedOn(least, right), lines };
}

/** Files that the right side opened without telling their numbers, in as few steps; undefined if they do not come again. */
export async function reducedStrays(steps: readonly Step[], left: Side, right: Side): Promise<Found | undefined> {
	let lines: readonly string[] = [];
	const again = (part: readonly Step[]): boolean => {
		right.strays?.();
		const now = runs(part, right) ? (right.strays?.() ?? []) : [];
		if (now.length > 0) lines = now.map((name) => `${name} is open, and no call told its number`);
		return now.length > 0;
	};
	const least = await reduced(steps, again, left);
	if (least === undefined) return undefined;
	return { signature: { kind: "leak", call: "a file without a number" }, whole: steps.length, steps: recordedOn(least, right), lines };
}

/** Makes the steps' calls; false if they are not a program. */
export function runs(steps: readonly Step[], side: Side): boolean {
	const replay = new ProgramReplay(side.open());
	try {
		for (const step of steps) replay.run(step);
		return true;
	} catch (error) {
		if (error instanceof FieldError) return false;
		throw error;
	} finally {
		replay.end();
	}
}

/** The steps with this side's answers. */
export function recordedOn(steps: readonly Step[], side: Side): Step[] {
	const recorded: Step[] = [];
	const replay = new ProgramReplay(recording(side.open(), { step: (step) => recorded.push(step), end: () => {} }));
	try {
		for (const step of steps) replay.run(step);
	} finally {
		replay.end();
	}
	return recorded;
}
