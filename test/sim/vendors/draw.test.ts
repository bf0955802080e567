/** Drawn translations end as those of accesses do, and change nothing. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { IommuCaches } from "../../../src/sim/mmu/caches.js";
import { ShadowMemory, WalkRecorder } from "../../../src/sim/mmu/observe.js";
import type { Stage2 } from "../../../src/sim/mmu/translate.js";
import { READ, WRITE } from "../../../src/sim/mmu/walk.js";
import type { ProcessContext } from "../../../src/sim/vendors/riscv/contexts.js";
import { RiscvTranslator } from "../../../src/sim/vendors/riscv/translate.js";
import { decodeSmmuIdr, decodeSte } from "../../../src/sim/vendors/smmuv3/stream-table.js";
import { type CachedCd, SmmuTranslator } from "../../../src/sim/vendors/smmuv3/translate.js";
import type { VtdPasidEntry } from "../../../src/sim/vendors/vtd/pasid-table.js";
import { VtdTranslator } from "../../../src/sim/vendors/vtd/translate.js";
import { SparseMemory } from "../mmu/helpers/memory.js";
import { contextOf, featuresOf } from "./riscv/guest.js";

/** Table entries that lead to one of the first pages, with any low bits; the last two pages are read-only or not mapped. */
const entry = fc.tuple(fc.nat(9), fc.nat(0xfff)).map(([page, low]) => (BigInt(page) << 12n) | BigInt(low));
const tables = fc.array(fc.tuple(fc.nat(7), fc.nat(1), entry), { maxLength: 24 });
const stage2: Stage2 = {
	find: (ipa) => (ipa >= 0x9000n ? undefined : { pa: ipa, perm: ipa >= 0x8000n ? READ : READ | WRITE, shift: 12 }),
};

function memoryOf(entries: readonly (readonly [number, number, bigint])[]): SparseMemory {
	const memory = new SparseMemory();
	for (const [page, index, value] of entries) memory.write64(BigInt(page) * 0x1000n + BigInt(index) * 8n, value);
	return memory;
}

const words = (memory: SparseMemory) => Array.from({ length: 16 }, (_, i) => memory.read64(BigInt(i >> 1) * 0x1000n + BigInt(i & 1) * 8n));

test("VT-d", () => {
	fc.assert(
		fc.property(tables, fc.nat(0x1fff), fc.nat(15), (entries, va, access) => {
			const memory = memoryOf(entries);
			const before = words(memory);
			const recorder = new WalkRecorder();
			const limits = { addressBits: 52, guestBits: 48, page1G: true };
			const request = { rid: 1, domain: 1, stage2, stage1: { levels: 4 as const, root: 0n, accessedDirty: true } };
			const drawn = new VtdTranslator(new IommuCaches<VtdPasidEntry>(), new ShadowMemory(memory), limits, recorder);
			const got = drawn.translate(request, BigInt(va), access);
			expect(words(memory)).toEqual(before);
			const real = new VtdTranslator(new IommuCaches<VtdPasidEntry>(), memory, limits);
			expect(got).toEqual(real.translate(request, BigInt(va), access));
			expect(recorder.steps.length).toBeLessThan(20);
			if (got.ok) expect(recorder.steps.at(-1)?.page).toBeDefined();
		}),
	);
});

test("SMMUv3", () => {
	const idr = decodeSmmuIdr([0x0c4d149b, 0x02730410, 0, 0x1514, 0, 0x74]);
	fc.assert(
		fc.property(tables, fc.nat(0x1fff), fc.nat(15), (entries, va, access) => {
			const memory = memoryOf(entries);
			// HA and HD: the walk writes access flags and dirty state
			memory.write64(0x5000n, 0x0001_6e02_c000_3519n);
			memory.write64(0x5008n, 0n);
			const before = words(memory);
			const stream = { sid: 1, vmid: 1, ste: decodeSte([0xbn | 0x5000n, 0n]), stage2 };
			const recorder = new WalkRecorder();
			const drawn = new SmmuTranslator(idr, new IommuCaches<CachedCd>(), new ShadowMemory(memory), { observe: recorder });
			const got = drawn.translate(stream, BigInt(va), access);
			expect(words(memory)).toEqual(before);
			expect(got).toEqual(new SmmuTranslator(idr, new IommuCaches<CachedCd>(), memory).translate(stream, BigInt(va), access));
			expect(recorder.steps.length).toBeLessThan(20);
		}),
	);
});

test("RISC-V", () => {
	fc.assert(
		fc.property(tables, fc.nat(0x1fff), fc.nat(15), fc.boolean(), (entries, va, access, directory) => {
			const memory = memoryOf(entries);
			// process 0 with ENS and SUM in a directory at 0x5000; its table is at 0
			memory.write64(0x5000n, 7n);
			memory.write64(0x5008n, 8n << 60n);
			const before = words(memory);
			const context = contextOf(directory ? { pdtv: 1n, dpe: 1n, sade: 1n, fsc_mode: 1n, fsc_ppn: 5n } : { sade: 1n, fsc_mode: 8n });
			const request = { rid: 1, context, domain: 1, stage2, pasid: directory ? 0 : undefined };
			const recorder = new WalkRecorder();
			const drawn = new RiscvTranslator(new IommuCaches<ProcessContext>(), new ShadowMemory(memory), featuresOf(), recorder);
			const got = drawn.translate(request, BigInt(va), access);
			expect(words(memory)).toEqual(before);
			expect(got).toEqual(
				new RiscvTranslator(new IommuCaches<ProcessContext>(), memory, featuresOf()).translate(request, BigInt(va), access),
			);
			expect(recorder.steps.length).toBeLessThan(20);
		}),
	);
});
