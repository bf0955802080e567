/** The RISC-V IOMMU in machine files, pictures and built-in machines. */
import { hex } from "../../../formats/bits.js";
import type { Iommu } from "../../board/description.js";
import type { BoardVendor } from "../../board/vendor.js";

/** A RISC-V IOMMU. */
export interface RiscvIommu extends Iommu {
	readonly kind: "riscv";
	readonly capabilities: bigint;
	readonly fctl: number;
}

/** Kernel option for nesting as it was posted (RFC v2, June 2024): Linux 7.3 has none for this IOMMU. */
export const NESTED = "riscv_nested";

const kind = "riscv";

export const riscvBoard: BoardVendor<RiscvIommu> & { readonly kind: "riscv" } = {
	kind,
	kernelOptions: { [NESTED]: false },
	parse: (f, base) => ({
		...base,
		kind,
		capabilities: f.need("capabilities", f.u64("capabilities")),
		fctl: f.int("fctl", 0xffff_ffff) ?? 0,
	}),
	file: (i) => ({ capabilities: hex(i.capabilities), fctl: hex(i.fctl) }),
	describe: (i) => `${kind}, capabilities ${hex(i.capabilities)}`,
	builtin: {
		about: "RISC-V IOMMU with both stages, process directories, ATS and page requests; nesting with --uapi riscv-nested (beyond 7.3)",
		arch: "riscv64",
		iommu: {
			name: "riscv0",
			// version 1.0; Sv39, Sv48 and Svpbmt; Sv39x4, Sv48x4; AMO_HWAD, ATS; 56 bits of physical address; PD8, PD17, PD20
			capabilities: 0x1f803068610n,
		},
		devices: {},
	},
};
