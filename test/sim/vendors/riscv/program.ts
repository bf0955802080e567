/** A program with a guest on the RISC-V IOMMU, for the tests of its driver. */
import { RISCV_DC } from "../../../../src/formats/riscv/index.js";
import { encodeFields, fromWords } from "../../../../src/formats/words.js";
import type { Ret } from "../../../../src/kernel/kernel.js";
import type { Sim } from "../../../../src/sim/index.js";
import { ioctls, iommu_hwpt_data_type_riscv, iommu_hwpt_invalidate, iommu_hwpt_riscv_iommu } from "../../../../structs/index.js";
import { MEMORY, Program } from "../../vfio/program.js";
import { PAGE, pte, SV39 } from "./guest.js";

export const NEST = 1;
export const DC = MEMORY + 0x30000n;
export const EVENT = MEMORY + 0x31000n;
const ENTRIES = MEMORY + 0x32000n;

/** Guest memory is the program's from 0 on; an Sv39 table at 0x1000 maps page 0x1000 to 0x5000. */
export class RiscvGuest extends Program {
	readonly ram: number;

	constructor(kernel: object = { riscv_nested: true }, sim?: Sim) {
		super("riscv", kernel, sim);
		this.ram = this.ioas();
		this.map(this.ram, 0n, 0x20000n);
		this.words(0x1000n, pte(0x2000n, 1n));
		this.words(0x2000n, pte(0x3000n, 1n));
		this.words(0x3008n, pte(0x5000n, PAGE));
	}

	/** Writes guest memory. */
	words(at: bigint, ...words: bigint[]): void {
		this.kernel.poke(MEMORY + at, fromWords(words));
	}

	/** The nested table's ID, or minus the errno. */
	nested(id: number, parent: number, fields: Partial<Record<keyof typeof RISCV_DC, bigint>>, struct: object = {}, flags = 0): Ret {
		this.kernel.poke(DC, fromWords(encodeFields(RISCV_DC, { v: 1n, ...fields }, [0n, 0n, 0n, 0n])));
		const bytes = iommu_hwpt_riscv_iommu.encode({ dc_len: 32n, dc_uptr: DC, event_len: 32n, out_event_uptr: EVENT, ...struct });
		return this.hwpt(id, parent, flags, { type: iommu_hwpt_data_type_riscv.IOMMU_HWPT_DATA_RISCV_IOMMU, bytes });
	}

	/** A device with the guest's first stage. */
	attached(n = 0, fields: Partial<Record<keyof typeof RISCV_DC, bigint>> = { fsc_mode: SV39, fsc_ppn: 1n }) {
		const { id, fd } = this.bound(n);
		const parent = this.hwpt(id, this.ram, NEST);
		const table = this.nested(id, parent, fields);
		return { id, fd, parent, table, rc: this.attach(fd, table) };
	}

	/** The errno of an invalidation, and how many commands were handled. */
	invalidate(hwpt_id: number, commands: readonly Uint8Array[], data_type = 2, entry_len = 16): [Ret, number] {
		commands.forEach((bytes, i) => {
			this.kernel.poke(ENTRIES + BigInt(i * 16), bytes);
		});
		const fields = { size: iommu_hwpt_invalidate.size, hwpt_id, data_uptr: ENTRIES, data_type, entry_len, entry_num: commands.length };
		const bytes = iommu_hwpt_invalidate.encode(fields);
		const rc = this.kernel.ioctl(this.iommu, ioctls.IOMMU_HWPT_INVALIDATE.request, bytes);
		return [rc, iommu_hwpt_invalidate.decode(bytes).entry_num];
	}
}
