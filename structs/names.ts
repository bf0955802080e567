/** Translates numbers to the names of constants and back. */
import { InputError } from "./errors.js";
import type { FieldInfo } from "./layout.js";
import { type ConstSet, setInfo } from "./sets.js";
import { orNearest } from "./suggest.js";

type Entry = readonly [name: string, value: number];
type Constants = Pick<FieldInfo, "set" | "extra">;

/** A constant's name without the prefix that all names of its set share. */
export function shortName(set: ConstSet, name: string): string {
	const { prefix } = setInfo(set);
	return name.startsWith(prefix) ? name.slice(prefix.length) : name;
}

/** The constants that a field takes: those of its set, then the extra ones. */
export function constantsOf({ set, extra }: Constants): readonly Entry[] {
	return [...(set ? setInfo(set).entries : []), ...Object.entries(extra ?? {})];
}

/**
 * The symbolic form of a field's number: an enum's name, or flags joined by `|` with the unknown bits as hex;
 * undefined if no name fits. `full` gives the uAPI's full names.
 */
export function nameOf(field: Constants, value: number | bigint, full = false): string | undefined {
	if (!field.set) return undefined;
	const { set } = field;
	const display = (name: string): string => (full ? name : shortName(set, name));
	const wanted = BigInt(value);
	if (setInfo(set).kind !== "flags") {
		const found = constantsOf(field).find(([, number]) => BigInt(number) === wanted);
		return found && display(found[0]);
	}
	const found = constantsOf(field).filter(([, number]) => number !== 0 && (wanted & BigInt(number)) === BigInt(number));
	if (found.length === 0) return undefined;
	const rest = found.reduce((bits, [, number]) => bits & ~BigInt(number), wanted);
	return [...found.map(([name]) => display(name)), ...(rest ? [`0x${rest.toString(16)}`] : [])].join("|");
}

/** A number in hex; negative ones with the sign in front. */
export const hexText = (value: number | bigint): string => (value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`);

/** Kinds of numbers that are read as patterns or places. */
const hexRoles: ReadonlySet<string | undefined> = new Set(["len", "iova", "ptr", "bits"]);

/**
 * The one base that a kind of number is shown in: decimal for IDs, files, counts and the sizes of structs; hex (false) for
 * addresses, lengths, flags, registers and whatever else has 64 bits.
 */
export function inDecimal(
	{ role, set, scalar, name }: Pick<FieldInfo, "role" | "set" | "scalar" | "name">,
	value: number | bigint,
): boolean {
	if (role === "count") return value < 1n << 63n;
	if (hexRoles.has(role)) return false;
	if (set) return setInfo(set).kind !== "flags" && value < 0x10000;
	return role !== undefined || (scalar?.size !== 8 && !/(?:^|_)flags$/.test(name));
}

/**
 * The value of a constant by its full name, or by any tail that begins after an underscore (`NEST_PARENT`, `READ`);
 * letter case is ignored, and `-` stands for `_`. A tail that fits several values is an InputError, as is an unknown name.
 */
export function valueOfName(field: Constants, typed: string, where: string): number {
	// event queues were called virtual IRQs in the patches of 2024-12
	const name = typed
		.toUpperCase()
		.replaceAll("-", "_")
		.replace(/^IOMMU_VIRQ_/, "IOMMU_VEVENTQ_");
	const entries = constantsOf(field);
	const whole = entries.find((entry) => entry[0].toUpperCase() === name);
	if (whole) return whole[1];
	const short = field.set && entries.find((entry) => shortName(field.set as ConstSet, entry[0]).toUpperCase() === name);
	if (short) return short[1];
	const ends = entries.filter((entry) => entry[0].toUpperCase().endsWith(`_${name}`));
	if (new Set(ends.map(([, value]) => value)).size === 1) return ends[0][1];
	if (ends.length > 0) throw new InputError(`${where}: "${typed}" could be ${ends.map(([end]) => end).join(" or ")}`);
	const known = entries.map(([entry]) => (field.set ? shortName(field.set, entry) : entry));
	const hint = orNearest(typed, known) || `; known names are ${known.join(", ")}`;
	throw new InputError(`${where}: "${typed}" is not known${hint}`);
}
