/** What a simulated kernel's uAPI can have beyond the current release: its vendors' proposals. */
import type { Machine } from "../board/description.js";
import { MachineError } from "../board/fields.js";
import { isRelease } from "../uapi/release.js";
import { vendors } from "../vendors/registry.js";
import type { Proposal, Vendor } from "../vendors/vendor.js";

/** By the name that --uapi takes. */
export function proposals(all: readonly Vendor[] = vendors): Readonly<Record<string, Proposal>> {
	return Object.assign({}, ...all.map((vendor) => vendor.proposals));
}

/** The machine with these proposals in its kernel; releases among the names are not its business. Throws a MachineError for a name that is none. */
export function withUapi(machine: Machine, names: readonly string[], all: readonly Vendor[] = vendors): Machine {
	if (names.length === 0) return machine;
	const known = proposals(all);
	const options: Record<string, boolean> = {};
	for (const name of names) {
		if (isRelease(name)) continue;
		if (!Object.hasOwn(known, name))
			throw new MachineError(
				[],
				`--uapi: "${name}" is neither a release (6.2 to 7.3) nor a proposal known here; there are ${Object.keys(known).join(", ")}`,
			);
		options[known[name].option] = true;
	}
	return { ...machine, kernel: { ...machine.kernel, vendor: { ...machine.kernel.vendor, ...options } } };
}
