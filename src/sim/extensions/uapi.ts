import type { KernelOptions, Machine } from "../board/description.js";
import { MachineError } from "../board/fields.js";
import { isRelease } from "../uapi/release.js";

/** What a simulated kernel's uAPI can have beyond 7.3, by the name that --uapi takes. */
export const UAPI_EXTENSIONS: Readonly<Record<string, { readonly doc: string; readonly option: keyof KernelOptions }>> = {
	"vtd-inv-v10": { doc: "VT-d invalidation entries report ICE and ITE in their last word (patches v7 to v10)", option: "vtdInvV10" },
	"amd-nested": { doc: "AMD nested page tables, through a virtual IOMMU", option: "amdNested" },
};

/** The machine with these proposals in its kernel; releases among the names are not its business. Throws a MachineError for a name that is none. */
export function withUapi(machine: Machine, names: readonly string[]): Machine {
	if (names.length === 0) return machine;
	const kernel: Record<string, unknown> = { ...machine.kernel };
	for (const name of names) {
		if (isRelease(name)) continue;
		if (!Object.hasOwn(UAPI_EXTENSIONS, name))
			throw new MachineError(
				[],
				`--uapi: "${name}" is neither a release (6.2 to 7.3) nor a proposal known here; there are ${Object.keys(UAPI_EXTENSIONS).join(", ")}`,
			);
		kernel[UAPI_EXTENSIONS[name].option] = true;
	}
	return { ...machine, kernel: kernel as unknown as KernelOptions };
}
