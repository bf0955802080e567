/** Tests of the client: calls, scratch memory, queues and the data that calls point to. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { callWithBytes } from "../../src/client/call.js";
import { iommuOn } from "../../src/client/iommu.js";
import { readLeaf, writeLeaf } from "../../src/client/leaves.js";
import { DryScratch, Scratch } from "../../src/client/memory.js";
import { invalidatePayloads, payloadOfType } from "../../src/client/payloads.js";
import { readFaults, splitEvents, writeResponses } from "../../src/client/queues.js";
import { BitsError, describeCommand, packBits, smmuv3Command } from "../../src/client/smmuv3.js";
import { SMMU_COMMANDS, STE } from "../../src/formats/smmuv3/index.js";
import { EEXIST, EINVAL, ESPIPE } from "../../src/kernel/errno.js";
import {
	defines,
	ioctls,
	iommu_hwpt_pgfault,
	iommu_hwpt_vtd_s1,
	iommu_ioas_map,
	iommufd_ioas_map_flags,
	page_response_msg,
	type StructType,
} from "../../structs/index.js";
import { FakeKernel } from "./fake-kernel.js";

describe("iommuOn", () => {
	test("marshals, calls, and unmarshals", () => {
		const kernel = new FakeKernel();
		kernel.answer = (arg) => {
			new DataView(arg.buffer, arg.byteOffset).setBigUint64(iommu_ioas_map.offsets.iova, 0x5000n, true);
			return 0;
		};
		const answer = iommuOn(kernel, 9).ioasMap({ ioas_id: 1, flags: iommufd_ioas_map_flags.IOMMU_IOAS_MAP_READABLE, length: 0x1000n });
		expect(kernel.calls[0]).toMatchObject({ fd: 9, request: 0x3b85 });
		expect(Buffer.from(answer.before).toString("hex")).toBe(
			"28000000040000000100000000000000000000000000000000100000000000000000000000000000",
		);
		expect(answer).toMatchObject({ ret: 0, errno: 0, decoded: { size: 40, ioas_id: 1, iova: 0x5000n } });
	});

	test("what was sent stays as it was sent, in a Buffer too", () => {
		const kernel = new FakeKernel();
		kernel.answer = (arg) => {
			arg[8] = 7;
			return 0;
		};
		const { before, after } = callWithBytes(kernel, 3, ioctls.IOMMU_IOAS_ALLOC, Buffer.alloc(12));
		expect([before[8], after[8]]).toEqual([0, 7]);
	});

	test("an errno is a value; what the kernel wrote before it failed is kept", () => {
		const kernel = new FakeKernel();
		kernel.answer = () => -EEXIST;
		expect(iommuOn(kernel, 3).ioasMap({ size: 44 })).toMatchObject({ ret: -1, errno: EEXIST, decoded: { size: 44 } });
	});

	test("every method's struct starts with its own size", () => {
		const kernel = new FakeKernel();
		for (const call of Object.values(iommuOn(kernel, 3))) call();
		for (const { arg } of kernel.calls) expect(new DataView(arg.buffer).getUint32(0, true)).toBe(arg.length);
		expect(kernel.calls.length).toBeGreaterThanOrEqual(30);
	});
});

describe("Scratch", () => {
	test("pieces do not overlap, keep their bytes, and are freed", () => {
		fc.assert(
			fc.property(fc.array(fc.oneof(fc.nat(300), fc.constantFrom(0, 1 << 19, 1 << 20, (1 << 20) + 1)), { maxLength: 8 }), (lengths) => {
				const kernel = new FakeKernel();
				const scratch = new Scratch(kernel);
				for (let round = 0; round < 2; round++) {
					const placed = lengths.map((length, at) => ({ addr: scratch.place(new Uint8Array(length).fill(at + 1)), length, at }));
					for (const { addr, length, at } of placed)
						expect(scratch.fetch(addr, length)?.every((byte) => byte === at + 1) ?? false).toBe(true);
					scratch.reset();
					// Only the chunk that small pieces share stays.
					expect(kernel.maps.size).toBeLessThanOrEqual(1);
				}
			}),
			{ numRuns: 20 },
		);
	});

	test("nothing is fetched from unmapped memory", () => {
		expect(new Scratch(new FakeKernel()).fetch(1n, 1)).toBeUndefined();
		const dry = new DryScratch();
		const first = dry.place(new Uint8Array(5000));
		expect(dry.place(new Uint8Array(1))).toBe(first + 8192n);
		expect(dry.fetch()).toBeUndefined();
	});
});

describe("leaves", () => {
	test("what is written is read back, and nothing else changes", () => {
		for (const struct of [iommu_ioas_map, iommu_hwpt_vtd_s1, iommu_hwpt_pgfault, page_response_msg] as StructType[]) {
			for (const leaf of struct.leaves) {
				const bytes = new Uint8Array(struct.size).fill(0xff);
				writeLeaf(bytes, leaf, 5n);
				expect(readLeaf(bytes, leaf)).toBe(BigInt.asUintN(leaf.bits?.width ?? 64, 5n));
				writeLeaf(bytes, leaf, -1n);
				expect(bytes.every((byte) => byte === 0xff)).toBe(true);
			}
		}
	});
});

describe("queues", () => {
	const fault = iommu_hwpt_pgfault.encode({ dev_id: 3, addr: 0x1000n, cookie: 9 });

	test("faults", () => {
		const kernel = new FakeKernel();
		kernel.readable = Buffer.concat([fault, fault]);
		expect(readFaults(kernel, 5, 200)).toMatchObject({ ret: 80, errno: 0, messages: [{ cookie: 9 }, { addr: 0x1000n }] });
		kernel.readable = -ESPIPE;
		expect(readFaults(kernel, 5, 39)).toMatchObject({ ret: -1, errno: ESPIPE, messages: [] });
	});

	test("responses: how many were accepted", () => {
		const kernel = new FakeKernel();
		kernel.takes = () => 8;
		expect(writeResponses(kernel, 5, new Uint8Array(24))).toEqual({ ret: 8, errno: 0, handled: 1 });
		kernel.takes = () => -EINVAL;
		expect(writeResponses(kernel, 5, new Uint8Array(24))).toEqual({ ret: -1, errno: EINVAL, handled: 0 });
	});

	test("events, with lost ones between", () => {
		const bytes = Buffer.from("0000000001000000 63000000 0100000005000000 0000000006000000 64000000".replaceAll(" ", ""), "hex");
		expect(splitEvents(bytes, defines.IOMMU_VEVENTQ_TYPE_SELFTEST)).toMatchObject([
			{ sequence: 1, lost: false },
			{ sequence: 5, lost: true, data: expect.objectContaining({ length: 0 }) },
			{ sequence: 6, lost: false },
		]);
		expect(splitEvents(bytes.subarray(0, 5), 1)).toEqual([]);
	});
});

describe("SMMUv3", () => {
	test("fields go where the architecture has them, and come back as text", () => {
		const words = [0n, 0n];
		for (const [name, value] of Object.entries({
			op: SMMU_COMMANDS.TLBI_NH_VA.opcode,
			asid: 0xffff,
			vmid: 2,
			leaf: 1,
			ttl: 3,
			tg: 1,
			addr: 0x7000,
		}))
			packBits(words, smmuv3Command, name, BigInt(value));
		expect(words).toEqual([0xffff000200000012n, 0x7701n]);
		expect(describeCommand(words)).toBe("TLBI_NH_VA vmid=2 asid=65535 leaf=1 ttl=3 tg=1 addr=0x7000");
		expect(describeCommand([0x99n, 0n])).toBe("op 0x99");
		const ste = [0n, 0n];
		for (const [name, value] of Object.entries({ v: 1n, config: 5n, s1contextptr: 0x1000n, s1cdmax: 31n, eats: 1n }))
			packBits(ste, STE, name, value);
		expect(ste).toEqual([0xf80000000000100bn, 1n << 28n]);
	});

	test("no value reaches beyond its field", () => {
		fc.assert(
			fc.property(fc.constantFrom(...Object.keys(smmuv3Command)), fc.bigInt({ min: -4n, max: 1n << 65n }), (name, value) => {
				const words = [0n, 0n];
				const [[word, high, low]] = smmuv3Command[name].at;
				try {
					packBits(words, smmuv3Command, name, value);
				} catch (error) {
					expect(error).toBeInstanceOf(BitsError);
					return;
				}
				expect(words[1 - word]).toBe(0n);
				expect(words[word] & ~(((1n << BigInt(high - low + 1)) - 1n) << BigInt(low))).toBe(0n);
			}),
		);
	});
});

test("payloads are told apart by their type", () => {
	expect(payloadOfType(invalidatePayloads, 1)?.name).toBe("smmuv3");
	expect(payloadOfType(invalidatePayloads, 99)).toBeUndefined();
});
