/** A call's checks in the order in which the kernel makes them. */
import { type Check, type Group, isCheck, isHook } from "./check.js";

/** The checks of calls, by their names in IDs of checks: `ioas-map`. */
export type Contracts = Readonly<Record<string, Group>>;

/** A check in its place. `vendor`: whose driver makes it; undefined: the core. */
export interface Placed {
	readonly check: Check;
	readonly vendor: string | undefined;
}

/** The groups that a vendor's driver has for the hooks, by the hook's name. */
export interface VendorChecks {
	readonly vendor: string;
	readonly hooks: Readonly<Partial<Record<string, Group>>>;
}

/** The checks of a group in order, each where it comes first; where the code calls the driver, those of each vendor one after another. */
export function inOrder(group: Group, vendors: readonly VendorChecks[]): Placed[] {
	const placed = new Map<string, Placed>();
	for (const one of everyPlace(group, vendors)) {
		const { check, vendor } = one;
		// Groups may share a check, and then each has its own object of it.
		const key = [vendor, check.name, check.text].join("\n");
		if (!placed.has(key)) placed.set(key, one);
	}
	return [...placed.values()];
}

function* everyPlace(group: Group, vendors: readonly VendorChecks[], vendor?: string): Generator<Placed> {
	for (const entry of Object.values(group)) {
		if (isCheck(entry)) yield { check: entry, vendor };
		else if (isHook(entry)) {
			for (const { vendor: name, hooks } of vendors) {
				const own = hooks[entry.hook];
				if (own !== undefined) yield* everyPlace(own, vendors, name);
			}
		} else yield* everyPlace(entry, vendors, vendor);
	}
}
