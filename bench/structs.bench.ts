/** Benchmark: the struct codecs against Python's struct.pack. */
import { spawnSync } from "node:child_process";
import { iommu_hwpt_vtd_s1_invalidate, iommu_ioas_map } from "../structs/index.js";
import type { BenchRow } from "./row.js";

const ENTRIES = 1_000_000;

/** The same entries, packed in a loop; prints the best of the runs in milliseconds. */
const python = `
import struct, time
entries = [(i * 4096, i % 512, i & 1) for i in range(${ENTRIES})]
best = 1e9
for run in range(3):
    start = time.perf_counter()
    out = bytearray()
    for addr, npages, flags in entries:
        out += struct.pack("<QQII", addr, npages, flags, 0)
    best = min(best, time.perf_counter() - start)
print(best * 1000)
`;

/** The best of several runs, as for the baseline, to leave out the time that other processes take. */
function best(work: () => void, runs: number): number {
	let least = Infinity;
	for (let run = 0; run < runs; run++) {
		const start = performance.now();
		work();
		least = Math.min(least, performance.now() - start);
	}
	return least;
}

function pythonMilliseconds(): number | undefined {
	const { status, stdout } = spawnSync("python3", ["-c", python], { encoding: "utf8" });
	return status === 0 ? Number(stdout) : undefined;
}

/** Measures the struct codecs: arrays against Python's struct.pack, and single structs. */
export async function run(): Promise<BenchRow[]> {
	const type = iommu_hwpt_vtd_s1_invalidate;
	const entries = Array.from({ length: ENTRIES }, (_, i) => ({ addr: BigInt(i) * 4096n, npages: BigInt(i % 512), flags: i & 1 }));
	const encode = best(() => type.encodeArray(entries), 25);
	const bytes = type.encodeArray(entries);
	const decode = best(() => type.decodeArray(bytes), 7);
	const value = { size: 40, flags: 7, ioas_id: 1, user_va: 0x7f00_0000_0000n, length: 0x1000n, iova: 0x10000n };
	const into = new Uint8Array(iommu_ioas_map.size);
	const times = 200_000;
	const single = best(() => {
		for (let i = 0; i < times; i++) iommu_ioas_map.decode(iommu_ioas_map.encode(value, into));
	}, 7);
	const struct = pythonMilliseconds();
	const baseline = struct === undefined ? {} : { baseline: { name: "Python's struct.pack in a loop", value: struct } };
	return [
		{ name: "encode 1,000,000 VT-d invalidation entries", value: encode, unit: "ms", ...baseline, limit: "at most a tenth of Python" },
		{ name: "decode them", value: decode, unit: "ms" },
		{ name: "encode and decode one iommu_ioas_map", value: (single / times) * 1e6, unit: "ns" },
	];
}
