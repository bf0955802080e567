/** A guest's device context and tables for the tests of the RISC-V IOMMU, in sparse memory. */
import { RISCV_DC } from "../../../../src/formats/riscv/index.js";
import { encodeFields } from "../../../../src/formats/words.js";
import { IommuCaches } from "../../../../src/sim/mmu/caches.js";
import type { Stage2 } from "../../../../src/sim/mmu/translate.js";
import { READ, WRITE } from "../../../../src/sim/mmu/walk.js";
import { type ContextResult, decodeDc, type ProcessContext } from "../../../../src/sim/vendors/riscv/contexts.js";
import { RiscvFeatures } from "../../../../src/sim/vendors/riscv/features.js";
import { RiscvTranslator } from "../../../../src/sim/vendors/riscv/translate.js";
import { SparseMemory } from "../../mmu/helpers/memory.js";

/** the built-in machine's */
export const CAPABILITIES = 0x1f803068610n;
export const MSI_FLAT = 1n << 22n;

export const featuresOf = (capabilities = CAPABILITIES): RiscvFeatures =>
	new RiscvFeatures({ kind: "riscv", name: "riscv0", capabilities, fctl: 0, reserved: [], caches: {}, queues: {}, quirks: [] });

/** A device context of these fields, V set, as the IOMMU takes it. */
export function contextOf(fields: Partial<Record<keyof typeof RISCV_DC, bigint>>, features = featuresOf()): ContextResult {
	const words = new Array<bigint>(features.extended ? 8 : 4).fill(0n);
	return decodeDc(encodeFields(RISCV_DC, { v: 1n, ...fields }, words), features);
}

/** Guest-physical memory ends here, and is read-only from half of it up. */
export const END = 1n << 24n;
export const READ_ONLY = 1n << 23n;
export const stage2: Stage2 = {
	find: (ipa) => (ipa >= END ? undefined : { pa: ipa, perm: ipa >= READ_ONLY ? READ : READ | WRITE, shift: 12 }),
};

export const SV39 = 8n;
export const SV48 = 9n;
export const PD8 = 1n;

/** A page table entry. */
export const pte = (address: bigint, flags: bigint): bigint => ((address >> 12n) << 10n) | flags;
/** V R W U A D */
export const PAGE = 0xd7n;

export interface Guest {
	readonly memory: SparseMemory;
	readonly caches: IommuCaches<ProcessContext>;
	/** "ok", or the cause, with iotval2 if it is not 0 */
	at(va: bigint, access: number, pasid?: number): string;
	/** the same, as a device that asks for translations */
	ask(va: bigint, access: number, pasid?: number): { cause: number; ats: boolean; quiet: boolean } | "ok";
}

/** A guest with an Sv39 table at 0x1000, whose page 0x1000 is at 0x5000; the host's memory ends at `end`. */
export function guest(context: ContextResult, end = 1n << 40n): Guest {
	const memory = new SparseMemory(end);
	memory.write64(0x1000n, pte(0x2000n, 1n));
	memory.write64(0x2000n, pte(0x3000n, 1n));
	memory.write64(0x3008n, pte(0x5000n, PAGE));
	const caches = new IommuCaches<ProcessContext>();
	const translator = new RiscvTranslator(caches, memory, featuresOf());
	const of = (va: bigint, access: number, pasid: number | undefined, ats: boolean) =>
		translator.translate({ rid: 0x90, pasid, context, domain: 1, stage2, ats }, va, access);
	return {
		memory,
		caches,
		at(va, access, pasid) {
			const got = of(va, access, pasid, false);
			if (got.ok) return "ok";
			const { cause, iotval2 } = got.fault;
			return iotval2 === 0n ? `${cause}` : `${cause} 0x${iotval2.toString(16)}`;
		},
		ask(va, access, pasid) {
			const got = of(va, access, pasid, true);
			return got.ok ? "ok" : { cause: got.fault.cause, ats: got.ats, quiet: got.quiet };
		},
	};
}
