/** Replaces $name and $name.field in a script's words, and says what names in its expressions stand for. */
import { Problem } from "../../../../../structs/errors.js";
import { allSets, type Expression, evaluate, parseNumber, type Scope, setInfo } from "../../../../../structs/index.js";
import { errnoNumber } from "../../../../kernel/errno.js";
import { Fault, type Word } from "../../../../script/index.js";
import { errnoName } from "../../../frame/errnos.js";
import { done, type Outcome, UsageError } from "../../../frame/exit.js";
import { findFieldOf, showNumber } from "../../../frame/field.js";
import { didYouMean } from "../../../frame/suggest.js";

export type Variables = ReadonlyMap<string, Outcome>;

/**
 * What `$name` or `$name.field` stands for. Fields go by their uAPI name, with or without `out_`; `errno` is how the call went.
 * @throws UsageError if there is none
 */
export function lookUp(variables: Variables, reference: string): string {
	const [name, ...rest] = reference.split(".");
	const kept = variables.get(name);
	if (!kept) {
		const hint = didYouMean(name, variables.keys()) ?? `an earlier line must say \`${name} = COMMAND\``;
		throw new UsageError(`$${name} is not known`, hint);
	}
	if (rest.length === 0) {
		if (kept.text !== undefined) return kept.text;
		if (kept.value !== undefined) return showNumber(kept.value);
		const failed = kept.errno === 0 ? undefined : `its call failed: ${errnoName(kept.errno)}`;
		throw new UsageError(`$${name} has no value of its own`, failed ?? fieldsHint(name, kept));
	}
	const field = rest.join(".");
	const value = findFieldOf(kept, field);
	if (value === undefined) throw new UsageError(`$${name} has no field ${field}`, fieldsHint(name, kept));
	return showNumber(value);
}

function fieldsHint(name: string, { fields }: Outcome): string {
	const known = Object.keys(fields ?? {}).map((field) => `$${name}.${field}`);
	return known.length > 0 ? `it has ${known.join(", ")}` : "its command has no answer to keep";
}

/**
 * Words as the command gets them.
 * @param places their offsets in the line @throws UsageError or Fault for an unknown variable
 */
export function expand(words: readonly Word[], variables: Variables, places: readonly number[] = []): string[] {
	return words.map((word, at) =>
		placing(places[at], () => word.map((piece) => ("text" in piece ? piece.text : lookUp(variables, piece.variable))).join("")),
	);
}

/** What is wrong is so at this offset of the line. */
function placing<T>(at: number | undefined, work: () => T): T {
	try {
		return work();
	} catch (error) {
		if (at === undefined || !(error instanceof Problem) || error.kind !== "usage") throw error;
		throw new Fault(error.message, at, error.hint);
	}
}

let constants: Map<string, bigint> | undefined;

/** An errno's number, or a constant's of the uAPI, by its full name. */
export function constant(name: string): bigint | undefined {
	const errno = errnoNumber(name);
	if (errno !== undefined) return BigInt(errno);
	constants ??= new Map(allSets().flatMap((set) => setInfo(set).entries.map(([full, value]) => [full, BigInt(value)] as const)));
	return constants.get(name);
}

/** The value of an expression of a script. @throws UsageError, ExpressionError */
export function numberOf(tree: Expression, variables: Variables): bigint {
	const scope: Scope = { variable: (name, at) => placing(at, () => parseNumber(lookUp(variables, name), `$${name}`)), name: constant };
	return evaluate(tree, scope);
}

/** Numbers from here on are shown in hex, as addresses and lengths are. */
const hexFrom = 4096n;

/** What `let` keeps: shown in decimal if small or negative. */
export function numberOutcome(value: bigint): Outcome {
	return { ...done, value: value < hexFrom && value > BigInt(Number.MIN_SAFE_INTEGER) ? Number(value) : value };
}

/** What `for` and `--var` keep of a word. */
export const textOutcome = (text: string): Outcome => ({ ...done, text });
