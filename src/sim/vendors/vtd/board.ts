/** VT-d in machine files, pictures and trace headers. */
import { iommu_hw_info_vtd, iommu_hw_info_vtd_flags } from "../../../../structs/index.js";
import { hex } from "../../../formats/bits.js";
import { VTD_ECAP } from "../../../formats/vtd/registers.js";
import { flagReader } from "../../../formats/words.js";
import type { Iommu } from "../../board/description.js";
import { recordedReserved, textOf } from "../../board/trace-header.js";
import type { BoardVendor } from "../../board/vendor.js";

/** A VT-d unit. */
export interface VtdIommu extends Iommu {
	readonly kind: "vtd";
	readonly cap: bigint;
	readonly ecap: bigint;
	/** it runs in scalable mode (sm_on), which ecap alone does not imply */
	readonly scalable: boolean;
	readonly interruptRemapping: boolean;
	/** the ERRATA_772415_SPR17 bit of GET_HW_INFO */
	readonly errata: boolean;
}

/** Kernel option: invalidation entries report errors, as patches v7 to v10 proposed (2023 to 2024). */
export const INV_V10 = "vtd_inv_v10";

const kind = "vtd";
const ERRATA_772415 = iommu_hw_info_vtd_flags.IOMMU_HW_INFO_VTD_ERRATA_772415_SPR17;

const offersScalable = flagReader(VTD_ECAP, "smts");
const remapsInterrupts = flagReader(VTD_ECAP, "ir");
const hasDeviceTlbs = flagReader(VTD_ECAP, "dt");

export const vtdBoard: BoardVendor<VtdIommu> & { readonly kind: "vtd" } = {
	kind,
	kernelOptions: { [INV_V10]: false },
	parse(f, base) {
		const ecap = f.need("ecap", f.u64("ecap"));
		return {
			...base,
			kind,
			cap: f.need("cap", f.u64("cap")),
			ecap,
			scalable: f.bool("scalable", offersScalable([ecap])),
			interruptRemapping: f.bool("interrupt_remapping", remapsInterrupts([ecap])),
			errata: f.bool("errata_772415", true),
		};
	},
	file: (i) => ({
		cap: hex(i.cap),
		ecap: hex(i.ecap),
		scalable: i.scalable,
		interrupt_remapping: i.interruptRemapping,
		errata_772415: i.errata,
	}),
	describe: (i) => `${kind}, cap ${hex(i.cap)}, ecap ${hex(i.ecap)}, ${i.scalable ? "scalable" : "legacy"} mode`,
	builtin: {
		about: "Intel VT-d in scalable mode, nesting, PASIDs and page requests",
		arch: "x86-64",
		iommu: {
			name: "dmar0",
			// 5-level first stage (FL5LP), 2M and 1G pages, 48-bit second stage
			cap: 0x91d2008c222f0606n,
			// nesting, PASID (20 bits), PRI, dirty tracking, both stages
			ecap: 0x1ed9ea4f00fcen,
			reserved: [{ first: 0xfee00000, last: 0xfeefffff, type: "msi" }],
		},
		devices: { siov: true },
		mixed: "VT-d",
	},
	/** `iommu` with its registers in hex, and the kernel's command line. */
	recorded({ iommu, devices }) {
		const name = textOf(iommu, "kind");
		if (!name.startsWith(kind)) return undefined;
		const ecap = BigInt(`0x${textOf(iommu, "ecap") || "0"}`);
		return {
			name,
			arch: "x86-64",
			iommus: [
				{
					name: "dmar0",
					kind,
					cap: `0x${textOf(iommu, "cap")}`,
					ecap: `0x${textOf(iommu, "ecap")}`,
					scalable: /\bsm_on\b/.test(textOf(iommu, "kargs")),
					reserved: recordedReserved(devices),
				},
			],
			deviceTlbs: hasDeviceTlbs([ecap]),
		};
	},
	/** The registers are there in hex; scalable mode only follows from the command line and ecap. */
	probe({ name, read, kernelArguments, note, hwInfo }) {
		const cap = read("intel-iommu/cap");
		const ecap = read("intel-iommu/ecap");
		if (cap === undefined || ecap === undefined) return undefined;
		const off = /\bsm_off\b/.test(kernelArguments);
		const scalable = offersScalable([BigInt(`0x${ecap}`)]) && !off;
		if (scalable && !/\bsm_on\b/.test(kernelArguments))
			note(`${name}: scalable mode is assumed to be on, as the hardware has it and the kernel's command line does not say sm_off`);
		const errata = hwInfo && { errata_772415: (iommu_hw_info_vtd.decode(hwInfo).flags & ERRATA_772415) !== 0 };
		return { kind, cap: `0x${cap}`, ecap: `0x${ecap}`, scalable, ...errata };
	},
};
