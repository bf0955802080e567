/** Tests of forwarding guests' invalidation queues as arrays. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { vendorOf } from "../../../src/sim/board/vendor.js";
import { batches, encodeDescriptor, forward, queueVendors, splitQueue } from "../../../src/sim/extensions/forward.js";
import type { Targets } from "../../../src/sim/vendors/guest-queue.js";
import { iommu_hwpt_vtd_s1_invalidate as ENTRY } from "../../../structs/index.js";

const targets: Targets = { otherwise: 1, pasids: new Map([[5, [2, 3]]]), domains: new Map([[7, [4]]]) };
const of = (kind: string) => vendorOf(queueVendors(), kind);
const fate = (kind: string, name: string, fields: Record<string, bigint>) =>
	forward(of(kind).queue, [encodeDescriptor(of(kind), name, fields, 16)], targets)[0].fate;

describe("VT-d descriptors", () => {
	test("a known PASID selects its page tables, else the domain does, else the default is used", () => {
		expect(fate("vtd", "PASID_IOTLB", { pasid: 5n, granularity: 2n })).toMatchObject({ kind: "entries", targets: [2, 3] });
		expect(fate("vtd", "PASID_IOTLB", { pasid: 6n, did: 7n, granularity: 2n })).toMatchObject({ kind: "entry", target: 4 });
		expect(fate("vtd", "PASID_IOTLB", { pasid: 6n, granularity: 2n })).toMatchObject({ kind: "entry", target: 1 });
		expect(fate("vtd", "IOTLB", { granularity: 1n })).toMatchObject({ kind: "entries", targets: [1, 2, 3, 4] });
	});

	test.each([
		["four", { address: 0x5000n, am: 2n, ih: 1n }, { addr: 0x4000n, npages: 4n, flags: 1 }],
		["one", { address: 0x5000n, am: 0n, ih: 0n }, { addr: 0x5000n, npages: 1n, flags: 0 }],
		["all", { address: 0x5000n, am: 60n, ih: 0n }, { addr: 0n, npages: 0xffff_ffff_ffff_ffffn, flags: 0 }],
	])("%s pages", (_name, fields, entry) => {
		const found = fate("vtd", "IOTLB", { granularity: 3n, ...fields });
		expect(found.kind === "entry" && ENTRY.decode(found.bytes)).toMatchObject(entry);
	});

	test("reserved types and granularities would stop the hardware: they are lost", () => {
		expect(fate("vtd", "IOTLB", { granularity: 0n })).toMatchObject({ kind: "lost" });
		expect(forward(of("vtd").queue, [new Uint8Array(16)], targets)[0].fate).toMatchObject({ kind: "lost" });
	});
});

describe("any queue", () => {
	const queue = fc.uint8Array({ minLength: 0, maxLength: 320 });

	test.each(["vtd", "smmuv3", "amd"] as const)("%s: garbage has a fate, and every entry is in one array, in order", (kind) => {
		fc.assert(
			fc.property(queue, fc.integer({ min: 1, max: 5 }), (bytes, batch) => {
				const list = forward(of(kind).queue, splitQueue(bytes, 16), targets);
				const arrays = batches(list, batch);
				for (const { count, bytes: all, from } of arrays) {
					expect(count).toBeLessThanOrEqual(batch);
					expect(all.length).toBe(count * (kind === "vtd" ? 24 : 16));
					expect(from).toEqual([...from].sort((a, b) => a - b));
				}
				const wanted = list.flatMap(({ index, fate: its }) =>
					its.kind === "entry" ? [index] : its.kind === "entries" ? its.targets.map(() => index) : [],
				);
				expect(arrays.flatMap(({ from }) => from).sort((a, b) => a - b)).toEqual(wanted);
			}),
		);
	});
});
