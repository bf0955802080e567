/** Declares checks: what must hold, with which errno a call fails where it does not, and in which words. */
import type { Why } from "../../kernel/why.js";

/** An object that a text names, such as `ioas 1`. */
interface NamedObject {
	readonly id: number;
	toString(): string;
}

/** A value of a text. A bigint is written in hex, a number in decimal; a function is called, and an object named, when somebody asks. */
export type Value = number | bigint | string | NamedObject | (() => string);

/** The values that a text takes: one for each `{name}` or `{name:x}` (a number in hex), in this order. */
export type Values<T extends string> = T extends `${string}{${string}}${infer Rest}` ? [Value, ...Values<Rest>] : [];

/** One check of the kernel. `T` is its text. */
export interface Check<T extends string = string> {
	/** the key in its group with dashes, `iova-reserved`; filled in by `checks` */
	readonly name: string;
	/** 0: it explains what is not an errno */
	readonly errno: number;
	/** what was wrong, with the values */
	readonly text: T;
	/** what must hold, in one sentence without values */
	readonly rule: string;
	/** the release that introduced the check; undefined: as old as the call */
	readonly since: string | undefined;
	/** who says so: a uAPI name, a section of a specification, or what was observed on which kernel */
	readonly source: string;
}

/** A place where the kernel asks the driver: the checks there are those of the vendor. */
export interface Hook {
	readonly hook: string;
}

/**
 * The checks of one function or one class, in the order in which the code makes them. A group in it stands where
 * the code calls the function of that group, a hook where it calls the driver.
 */
export type Group = { readonly [key: string]: Check | Hook | Group };

interface Details {
	readonly since?: string;
	/** instead of the group's */
	readonly source?: string;
}

type Draft<T extends string> = Omit<Check<T>, "name" | "source" | "since"> & Details;

/** A check: the errno, the text with its `{values}`, and the rule that it enforces. */
export function check<const T extends string>(errno: number, text: T, rule: string, details: Details = {}): Draft<T> {
	return { errno, text, rule, since: details.since, source: details.source };
}

export function hook(name: string): Hook {
	return { hook: name };
}

type Complete<D> = { readonly [K in keyof D]: D[K] extends Draft<infer T> ? Check<T> : D[K] };

/** A group of checks in the order of the code; `source` is that of every check that does not name its own. */
export function checks<const D extends Record<string, Draft<string> | Hook | Group>>(source: string, drafts: D): Complete<D> {
	// In the object that was given: there are many hundreds of checks, and all are made at each start.
	const group = drafts as Record<string, Draft<string> | Check | Hook | Group>;
	for (const key in group) {
		const draft = group[key];
		if (!isDraft(draft)) continue;
		const { errno, text, rule, since } = draft;
		group[key] = { name: dashed(key), errno, text, rule, since, source: draft.source ?? source };
	}
	return drafts as unknown as Complete<D>;
}

export function isCheck(entry: Check | Hook | Group): entry is Check {
	return isDraft(entry);
}

export function isHook(entry: Check | Hook | Group): entry is Hook {
	return typeof (entry as Hook).hook === "string";
}

function isDraft(entry: Draft<string> | Check | Hook | Group): entry is Draft<string> & Check {
	return typeof (entry as Check).errno === "number";
}

/** `iovaReserved` as `iova-reserved` */
function dashed(key: string): string {
	return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** The text with its values, and the values by name: as the texts write them, bigints and numbers in hex as `0x...`. */
export function fill({ text }: Check, values: readonly Value[]): Pick<Why, "text" | "values"> {
	const named: Record<string, string | number> = {};
	let at = 0;
	const filled = text.replace(/\{(\w+)(:x)?\}/g, (_, name: string, hex?: string) => {
		const given = values[at++];
		const value = typeof given === "function" ? given() : typeof given === "object" ? String(given) : given;
		named[name] = typeof value === "bigint" || (hex && typeof value === "number") ? `0x${value.toString(16)}` : value;
		return String(named[name]);
	});
	return { text: filled, values: named };
}
