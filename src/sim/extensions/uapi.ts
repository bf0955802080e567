/** The proposals that extend a simulated kernel's uAPI beyond the current release, selected by --uapi. */
import { NEXT_RELEASE, OLDEST_RELEASE } from "../../../structs/release.js";
import type { Machine } from "../board/description.js";
import { MachineError } from "../board/fields.js";
import { isRelease } from "../uapi/release.js";
import { vendors } from "../vendors/registry.js";
import type { Proposal, Vendor } from "../vendors/vendor.js";

/** The vendors' proposals, by their names in --uapi. */
export function proposals(all: readonly Vendor[] = vendors): Readonly<Record<string, Proposal>> {
	return Object.assign({}, ...all.map((vendor) => vendor.proposals));
}

/** The machine with these proposals in its kernel; releases among the names are skipped. Throws a MachineError for an unknown name. */
export function withUapi(machine: Machine, names: readonly string[], all: readonly Vendor[] = vendors): Machine {
	if (names.length === 0) return machine;
	const known = proposals(all);
	const options: Record<string, boolean> = {};
	for (const name of names) {
		if (isRelease(name)) continue;
		if (!Object.hasOwn(known, name))
			throw new MachineError(
				[],
				`--uapi: "${name}" is neither a release (${OLDEST_RELEASE} to ${NEXT_RELEASE}) nor a known proposal; there are ${Object.keys(known).join(", ")}`,
			);
		options[known[name].option] = true;
	}
	return { ...machine, kernel: { ...machine.kernel, vendor: { ...machine.kernel.vendor, ...options } } };
}
