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

/** The checks of a group in order; where it calls the driver, those of each vendor one after another. */
export function* inOrder(group: Group, vendors: readonly VendorChecks[], vendor?: string): Generator<Placed> {
	for (const entry of Object.values(group)) {
		if (isCheck(entry)) yield { check: entry, vendor };
		else if (isHook(entry)) {
			for (const { vendor: name, hooks } of vendors) {
				const own = hooks[entry.hook];
				if (own !== undefined) yield* inOrder(own, vendors, name);
			}
		} else yield* inOrder(entry, vendors, vendor);
	}
}
