/** Benchmark: page table walks and cached translations. */
import { buildTopology } from "../src/sim/board/topology.js";
import { IommuCaches } from "../src/sim/mmu/caches.js";
import type { Stage2 } from "../src/sim/mmu/translate.js";
import { READ } from "../src/sim/mmu/walk.js";
import { walkArm } from "../src/sim/mmu/walk-arm.js";
import { walkX86 } from "../src/sim/mmu/walk-x86.js";
import { checkMachine } from "../src/sim/vendors/machines.js";
import { decodeSmmuIdr, decodeSte } from "../src/sim/vendors/smmuv3/stream-table.js";
import { type CachedCd, SmmuTranslator } from "../src/sim/vendors/smmuv3/translate.js";
import type { VtdPasidEntry } from "../src/sim/vendors/vtd/pasid-table.js";
import { VtdTranslator } from "../src/sim/vendors/vtd/translate.js";
import { SparseMemory } from "../test/sim/mmu/helpers/memory.js";
import { ArmTables, X86Tables } from "../test/sim/mmu/helpers/tables.js";
import type { BenchRow } from "./row.js";

const PAGES = 4096;
const BASE = 0x7f00_0000_0000n;
const DEVICES = 10_000;

/** Nanoseconds for each of `times` calls: the best of several runs. */
function each(work: () => void, times = 200_000): number {
	let least = Infinity;
	for (let run = 0; run < 7; run++) {
		const start = performance.now();
		for (let i = 0; i < times; i++) work();
		least = Math.min(least, performance.now() - start);
	}
	return (least / times) * 1e6;
}

/** Measures page table walks, and cached translations with a full cache. */
export async function run(): Promise<BenchRow[]> {
	const memory = new SparseMemory();
	const x86 = new X86Tables(memory, 4, 0x10_0000n);
	const arm = new ArmTables(memory, 12, 48, 0x200_0000n);
	for (let i = 0n; i < PAGES; i++) {
		x86.map(BASE + i * 0x1000n, 0x100_0000n + i * 0x1000n, 1, 7n);
		arm.map(BASE + i * 0x1000n, 0x100_0000n + i * 0x1000n);
	}
	memory.write64(0x1000n, 0x0001_6204_c000_3510n);
	memory.write64(0x1008n, arm.ttb);
	const stage2: Stage2 = { find: (ipa) => ({ pa: ipa, perm: 3, shift: 12 }) };
	const addresses = Array.from({ length: PAGES }, (_, i) => BASE + BigInt((i * 2654435761) % PAGES) * 0x1000n + 0x10n);
	let n = 0;
	const next = () => addresses[n++ & (PAGES - 1)];

	const vtd = new VtdTranslator(new IommuCaches<VtdPasidEntry>({ iotlb: PAGES }), memory);
	const request = { rid: 0x80, domain: 1, stage2, stage1: { levels: 4 as const, root: x86.root } };
	const idr = [0x0c4d149b, 0x02730410, 0, 0x1514, 0, 0x75];
	const smmu = new SmmuTranslator(decodeSmmuIdr(idr), new IommuCaches<CachedCd>({ iotlb: PAGES }), memory);
	const stream = { sid: 0x80, vmid: 1, ste: decodeSte([0xbn | 0x1000n, 0n]), stage2 };
	for (const va of addresses)
		if (!vtd.translate(request, va, READ).ok || !smmu.translate(stream, va, READ).ok)
			throw new Error(`0x${va.toString(16)} does not translate`);

	const paging = { granule: 12 as const, inputBits: 48, outputBits: 48, ttb: arm.ttb };
	const file = {
		name: "many",
		iommus: [{ name: "i", kind: "amd", efr: 0 }],
		devices: Array.from({ length: DEVICES }, (_, i) => ({
			bdf: `0000:${(i >> 8).toString(16)}:${((i >> 3) & 31).toString(16)}.${i & 7}`,
			iommu: "i",
			acs: true,
		})),
	};
	const start = performance.now();
	buildTopology(checkMachine(file));
	const topology = performance.now() - start;

	const limit = "at most a microsecond";
	return [
		{ name: "VT-d nested, cached", value: each(() => vtd.translate(request, next(), READ)), unit: "ns", limit },
		{ name: "SMMUv3 nested, cached", value: each(() => smmu.translate(stream, next(), READ)), unit: "ns", limit },
		{ name: "x86 walk of 4 levels", value: each(() => walkX86(memory, request.stage1, next(), READ)), unit: "ns" },
		{ name: "Arm walk of 4 levels", value: each(() => walkArm(memory, paging, next(), READ)), unit: "ns" },
		{ name: `groups of ${DEVICES.toLocaleString("en")} devices`, value: topology, unit: "ms" },
	];
}
