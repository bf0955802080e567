/** Makes a new program out of those of the corpus: spliced, with steps left out or repeated, or with another value in a field. */
import type { StructType } from "../../structs/index.js";
import type { IoctlStep, Step } from "../trace/index.js";
import { requestStruct } from "../trace/index.js";
import { fieldValue, put } from "./fields.js";
import type { Known } from "./known.js";
import type { Random } from "./random.js";

/** The longest program that is made this way. */
const LONGEST = 160;

/** A step to be made, perhaps with a field changed when its turn comes. */
export interface Edited {
	readonly step: Step;
	readonly change: boolean;
}

/** @param corpus not empty */
export function mutated(random: Random, corpus: readonly (readonly Step[])[]): Edited[] {
	let steps = random.pick(corpus);
	const changes = new Set<Step>();
	for (let left = 1 + random.below(3); left > 0; left--) {
		const at = random.below(steps.length + 1);
		switch (random.below(4)) {
			case 0: {
				const other = random.pick(corpus);
				steps = [...steps.slice(0, at), ...other.slice(random.below(other.length + 1))];
				break;
			}
			case 1:
				steps = steps.toSpliced(at, 1 + random.below(5));
				break;
			case 2: {
				const part = steps.slice(at, at + 1 + random.below(6));
				steps = steps.toSpliced(at, 0, ...part, ...(random.chance(30) ? part : []));
				break;
			}
			default:
				for (let count = 1 + random.below(3); count > 0 && steps.length > 0; count--) changes.add(random.pick(steps));
		}
	}
	return steps.slice(0, LONGEST).map((step) => ({ step, change: changes.has(step) }));
}

/** A step with another value in one of its struct's fields; as it is if there is none. */
export function withOtherField(random: Random, known: Known, step: Step): Step {
	if (step.op !== "ioctl" || step.arg === undefined) return step;
	const struct = requestStruct(step.request);
	const fields = struct?.leaves.filter(({ offset, scalar }) => scalar !== undefined && step.fd_in?.[offset] === undefined) ?? [];
	if (struct === undefined || fields.length === 0) return step;
	return withField(random, known, step, step.arg, struct, random.pick(fields));
}

function withField(
	random: Random,
	known: Known,
	step: IoctlStep,
	arg: string,
	struct: StructType,
	field: StructType["leaves"][number],
): Step {
	const bytes = Buffer.from(arg, "hex");
	const out = field.dir === "out" && random.chance(80) ? 0n : fieldValue(random, known, field, struct);
	put(bytes, field, out);
	return { ...step, arg: bytes.toString("hex") };
}
