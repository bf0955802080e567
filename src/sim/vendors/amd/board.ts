/** AMD's IOMMU in machine files, pictures and trace headers. */
import { hex } from "../../../formats/bits.js";
import type { Iommu } from "../../board/description.js";
import { recordedReserved, textOf } from "../../board/trace-header.js";
import type { BoardVendor } from "../../board/vendor.js";

/** An AMD IOMMU. */
export interface AmdIommu extends Iommu {
	readonly kind: "amd";
	readonly efr: bigint;
	readonly efr2: bigint;
	readonly interruptRemapping: boolean;
}

/** Kernel option CONFIG_AMD_IOMMU_IOMMUFD. */
export const IOMMUFD = "amd_iommufd";
/** Kernel option for guest device table entries, whose data type 7.3 defines but does not accept yet. */
export const NESTED = "amd_nested";

const kind = "amd";

export const amdBoard: BoardVendor<AmdIommu> & { readonly kind: "amd" } = {
	kind,
	kernelOptions: { [IOMMUFD]: true, [NESTED]: false },
	parse: (f, base) => ({
		...base,
		kind,
		efr: f.need("efr", f.u64("efr")),
		efr2: f.u64("efr2") ?? 0n,
		interruptRemapping: f.bool("interrupt_remapping", true),
	}),
	file: (i) => ({ efr: hex(i.efr), efr2: hex(i.efr2), interrupt_remapping: i.interruptRemapping }),
	describe: (i) => `${kind}, efr ${hex(i.efr)}, efr2 ${hex(i.efr2)}`,
	builtin: {
		about: "AMD IOMMU with guest translation; guest device table entries are accepted (beyond 7.3)",
		arch: "x86-64",
		iommu: {
			name: "amdvi0",
			efr: 0x17002f0000a9dfn,
			efr2: 8,
			reserved: [
				{ first: 0xfee00000, last: 0xfeefffff, type: "msi" },
				// HyperTransport
				{ first: 0xfd00000000n, last: 0xffffffffffn, type: "reserved" },
			],
		},
		kernel: { [NESTED]: true },
		devices: {},
		mixed: "AMD",
	},
	/** `iommu` with `features` (EFR and EFR2 in hex), and how the kernel was built. */
	recorded({ iommu, devices }) {
		const name = textOf(iommu, "kind");
		if (!name.startsWith(kind)) return undefined;
		const [efr, efr2] = textOf(iommu, "features").split(":");
		return {
			name,
			arch: "x86-64",
			kernel: { [IOMMUFD]: !textOf(iommu, "kernel_config").includes("not set") },
			iommus: [
				{
					name: "amdvi0",
					kind,
					efr: `0x${efr}`,
					efr2: `0x${efr2}`,
					// the recorded kernels found no I/O APIC and disabled interrupt remapping
					interrupt_remapping: false,
					reserved: recordedReserved(devices),
				},
			],
			deviceTlbs: false,
		};
	},
	/** `features` is EFR, or EFR:EFR2, in hex. */
	probe({ read }) {
		const features = read("amd-iommu/features");
		if (features === undefined) return undefined;
		const [efr, efr2 = "0"] = features.split(":");
		return { kind, efr: `0x${efr}`, efr2: `0x${efr2}` };
	},
};
