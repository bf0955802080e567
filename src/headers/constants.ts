/** The values of a header's constants: of its enums, its #defines, and of what is declared already. */
import { allSets, type ConstSet, defineSet, derivedSet, enumByName, enumSet, flagSet, setInfo } from "../../structs/index.js";
import { ExpressionError, evaluate, type Lookup, unsigned } from "./expression.js";
import type { HeaderProblem } from "./problem.js";
import type { Token } from "./tokens.js";
import type { DefineTree, EnumTree } from "./tree.js";

/** What every header of iommufd and VFIO starts from. */
const BASE: ReadonlyMap<string, bigint> = new Map([
	["IOMMUFD_TYPE", BigInt(";".charCodeAt(0))],
	["VFIO_TYPE", BigInt(";".charCodeAt(0))],
	["VFIO_BASE", 100n],
]);

const singleBit = (value: bigint): boolean => value > 0n && (value & (value - 1n)) === 0n;

/** Constants by name, as a header gives them and as they were declared before. */
export class ConstantTable {
	/** the header's own */
	readonly own = new Map<string, bigint>();
	#declared: ReadonlyMap<string, bigint> | undefined;

	readonly lookup: Lookup = (name) => this.own.get(name) ?? this.declared(name) ?? BASE.get(name);

	/** As it was before this header. */
	declared(name: string): bigint | undefined {
		this.#declared ??= new Map(
			allSets().flatMap((set) => setInfo(set).entries.map(([entry, value]): [string, bigint] => [entry, BigInt(value)])),
		);
		return this.#declared.get(name);
	}

	add(name: string, value: bigint): void {
		this.own.set(name, value);
	}

	/** An expression's value. @throws ExpressionError */
	value(tokens: readonly Token[]): bigint {
		return unsigned(evaluate(tokens, this.lookup), tokens);
	}
}

/** As a number of a set; undefined if that is not exact. */
function exact(value: bigint): number | undefined {
	const number = Number(value);
	return BigInt(number) === value ? number : undefined;
}

/** An enum's set. One that was declared keeps its name, and one that is there only in part gets its other constants from it. */
export function setOf(tree: EnumTree, table: ConstantTable, problems: HeaderProblem[]): ConstSet | undefined {
	const base = baseOf(tree);
	const values: Record<string, number> = tree.partial && base ? { ...base } : {};
	let last: bigint | undefined = tree.partial ? undefined : -1n;
	let shifts = 0;
	for (const entry of tree.entries) {
		let value: bigint | undefined;
		try {
			value = entry.value ? table.value(entry.value) : last === undefined ? table.declared(entry.name) : last + 1n;
		} catch (error) {
			if (!(error instanceof ExpressionError)) throw error;
			problems.push({ line: entry.line, message: `${entry.name}: ${error.message}` });
		}
		if (value === undefined && !entry.value)
			problems.push({ line: entry.line, message: `${entry.name}: its value depends on lines that the diff does not show` });
		last = value;
		if (value === undefined) continue;
		table.add(entry.name, value);
		const number = exact(value);
		if (number === undefined) problems.push({ line: entry.line, message: `${entry.name}: ${value} has more than 53 bits` });
		else values[entry.name] = number;
		if (entry.value?.some(({ text }) => /^(?:<<|_?BIT(?:UL+|_ULL)?)$/.test(text))) shifts++;
	}
	if (Object.keys(values).length === 0) return undefined;
	const name = tree.name || (base ? setInfo(base).name : anonymousName(Object.keys(values)));
	const numbers = Object.values(values).map(BigInt);
	// A set of flags may have names for several of them together: masks.
	const union = numbers.filter(singleBit).reduce((all, value) => all | value, 0n);
	const bits = union !== 0n && numbers.every((value) => value >= 0n && (value & ~union) === 0n);
	const pure = numbers.every(singleBit);
	const called = /flags?$|_caps?$/.test(name);
	const flags = base ? setInfo(base).kind === "flags" : pure ? shifts > 0 || called : bits && called;
	const doc = tree.doc?.brief || tree.doc?.body[0] || (base ? setInfo(base).doc : "");
	return (flags ? flagSet : enumSet)(name, values, doc);
}

/** The declared set that an enum is: by its name, or by one of its constants. */
function baseOf({ name, entries }: EnumTree): ConstSet | undefined {
	if (name) return enumByName(name);
	const own = new Set(entries.map((entry) => entry.name));
	return allSets().find(
		(set) => setInfo(set).kind !== "defines" && !setInfo(set).derived && setInfo(set).entries.some(([entry]) => own.has(entry)),
	);
}

/** What the constants of an enum without a name share: `IOMMUFD_CMD_` is iommufd_cmd. */
function anonymousName(names: readonly string[]): string {
	let prefix = names[0];
	while (!names.every((name) => name.startsWith(prefix))) prefix = prefix.slice(0, -1);
	return (names.length === 1 ? prefix : prefix.replace(/_?[^_]*$/, "")).toLowerCase() || names[0].toLowerCase();
}

/** The constants that are defined behind a member of a struct, as the set that the member takes. */
export function setOfMember(name: string, defines: readonly string[], table: ConstantTable): ConstSet | undefined {
	const values: Record<string, number> = {};
	for (const define of defines) {
		const value = table.lookup(define);
		const number = value === undefined ? undefined : exact(value);
		if (number !== undefined && number >= 0) values[define] = number;
	}
	const all = Object.values(values);
	if (all.length === 0) return undefined;
	const flags = all.every((value) => singleBit(BigInt(value))) && (all.length > 1 || defines.some((one) => /FLAG/.test(one)));
	return derivedSet(flags ? "flags" : "enum", name, values);
}

/** Works out #defines that are numbers; those that are something else are nobody's business. @returns their set */
export function definesOf(trees: readonly DefineTree[], name: string, table: ConstantTable): ConstSet | undefined {
	const values: Record<string, number> = {};
	let left = trees;
	for (let before = -1; left.length !== before; ) {
		before = left.length;
		// A define may use one that comes later.
		left = left.filter(({ name: define, value: tokens }) => {
			try {
				const value = table.value(tokens);
				table.add(define, value);
				const number = exact(value);
				const known = BASE.has(define) || table.declared(define) === value;
				if (number !== undefined && number >= 0 && !known) values[define] = number;
				return false;
			} catch (error) {
				if (error instanceof ExpressionError) return true;
				throw error;
			}
		});
	}
	return Object.keys(values).length === 0 ? undefined : defineSet(name, values, "constants of a header that belong to no enum");
}
