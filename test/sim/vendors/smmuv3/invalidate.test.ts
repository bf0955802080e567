/** Tests of SMMUv3 invalidations, observed through DMA. */
import { describe, expect, test } from "vitest";
import { EINVAL, EIO, ENOMEM } from "../../../../src/kernel/errno.js";
import { Guest, STE_S1, VA } from "./guest.js";

type Command = readonly [bigint, bigint];
const NH_ALL: Command = [0x10n, 0n];
const NH_ASID = (asid: bigint): Command => [0x11n | (asid << 48n), 0n];
const NH_VA = (va: bigint, asid = 1n): Command => [0x12n | (asid << 48n), va];
const CFGI_CD = (sid: bigint): Command => [0x05n | (sid << 32n), 0n];
const BAD: Command = [0x01n, 0n];

/** A guest whose device has a stale TLB entry for page 0: the tables have changed since. */
function stale() {
	const guest = new Guest();
	guest.put(0x4000n, [0x11111111n]);
	guest.put(0x5000n, [0x22222222n]);
	const running = guest.running();
	expect(running.device.load()).toBe("11111111");
	guest.mapPage(0n, 0x5000n);
	return { guest, ...running };
}

describe("what an invalidation reaches, seen by DMA", () => {
	test("without one the old translation stays", () => {
		expect(stale().device.load()).toBe("11111111");
	});

	test.each([
		["everything", NH_ALL, true],
		["everything, VMID ignored", [0x10n | (0xffffn << 32n), 0n] as Command, true],
		["everything, by the other command", [0x30n, 0n] as Command, true],
		["its ASID", NH_ASID(1n), true],
		["another ASID", NH_ASID(2n), false],
		["its address", NH_VA(VA), true],
		["another address", NH_VA(VA + 0x1000n), false],
		["another ASID's address", NH_VA(VA, 2n), false],
		["its address of any ASID", [0x13n, VA] as Command, true],
		["a range that ends with it: 2 pages of 4K", [0x12n | (1n << 48n) | (1n << 12n), (VA - 0x1000n) | (1n << 10n)] as Command, true],
		["its context descriptor", CFGI_CD(0x10n), false],
	])("%s", (_name, command, reached) => {
		const { guest, device, viommu } = stale();
		expect(guest.invalidate(viommu, [command])).toEqual({ rc: 0, done: 1 });
		expect(device.load()).toBe(reached ? "22222222" : "11111111");
	});

	test("vIOMMUs of one parent share its VMID, those of two parents do not", () => {
		const { guest, device, parent } = stale();
		expect(guest.invalidate(guest.viommu(device, guest.parent(device)), [NH_ALL])).toEqual({ rc: 0, done: 1 });
		expect(device.load()).toBe("11111111");
		expect(guest.invalidate(guest.viommu(device, parent), [NH_ALL])).toEqual({ rc: 0, done: 1 });
		expect(device.load()).toBe("22222222");
	});

	test("unmapping guest memory drops all nested translations", () => {
		const { guest, device } = stale();
		guest.calls.ioasUnmap({ ioas_id: guest.ioas, iova: 0n, length: 0xffff_ffff_ffff_ffffn });
		guest.mapMemory();
		expect(device.load()).toBe("22222222");
	});

	test("detaching a device drops the TLB entries, moving it within the parent does not", () => {
		const { guest, device, parent, nested, viommu } = stale();
		device.attach(parent);
		device.attach(nested);
		expect(device.load()).toBe("11111111");
		device.attach(guest.nested(device, viommu, STE_S1));
		expect(device.load()).toBe("11111111");
		device.detach();
		device.attach(nested);
		expect(device.load()).toBe("22222222");
	});
});

describe("a context descriptor stays fetched", () => {
	const BAD_CD = ["0a00000080000000000000000000000000000000000000000000000000000000"];

	/** A is 0, so this SMMU refuses the CD */
	function spoiled() {
		const guest = new Guest();
		const running = guest.running();
		expect(running.device.dma("read", VA)).toEqual([]);
		guest.put(0n, [0x0001_a202_c000_3519n]);
		return { guest, ...running };
	}

	test("until CFGI_CD names its stream", () => {
		const { guest, device, viommu } = spoiled();
		guest.invalidate(viommu, [NH_ALL]);
		expect(device.dma("read", VA)).toEqual([]);
		guest.invalidate(viommu, [CFGI_CD(0x10n)]);
		expect(device.dma("read", VA)).toEqual(BAD_CD);
	});

	test("until the stream table entry changes; writing the same words again is not a change", () => {
		const { guest, device, viommu, parent, nested } = spoiled();
		device.attach(guest.nested(device, viommu, STE_S1));
		expect(device.dma("read", VA)).toEqual([]);
		device.attach(parent);
		device.attach(nested);
		expect(device.dma("read", VA)).toEqual(BAD_CD);
	});
});

describe("arrays", () => {
	test("a bad command: those before it count, but only whole batches of 63 reached the hardware", () => {
		const filler = NH_ASID(9n);
		const run = (commands: Command[]) => {
			const { guest, device, viommu } = stale();
			const answer = guest.invalidate(viommu, commands);
			return { ...answer, reached: device.load() === "22222222" };
		};
		const fill = (count: number) => Array.from({ length: count }, () => filler);
		expect(run([NH_ALL, BAD])).toEqual({ rc: -EIO, done: 1, reached: false });
		expect(run([BAD, NH_ALL])).toEqual({ rc: -EIO, done: 0, reached: false });
		expect(run([NH_ALL, ...fill(61), BAD])).toEqual({ rc: -EIO, done: 62, reached: false });
		expect(run([NH_ALL, ...fill(62), BAD])).toEqual({ rc: -EIO, done: 63, reached: true });
		expect(run([...fill(63), NH_ALL, BAD])).toEqual({ rc: -EIO, done: 64, reached: false });
		expect(run([...fill(63), NH_ALL])).toEqual({ rc: 0, done: 64, reached: true });
	});

	test("a stream ID names a vDEVICE of this vIOMMU", () => {
		const { guest, device, viommu, parent } = stale();
		expect(guest.invalidate(viommu, [CFGI_CD(0x80n)])).toEqual({ rc: -EIO, done: 0 });
		expect(guest.invalidate(guest.viommu(device, parent), [CFGI_CD(0x10n)])).toEqual({ rc: -EIO, done: 0 });
	});

	test("none, another type, more than 4 MiB", () => {
		const { guest, viommu } = stale();
		const call = (fields: object) => {
			const { ret, errno, decoded } = guest.calls.hwptInvalidate({
				hwpt_id: viommu,
				data_uptr: 0x3_0000_0000n,
				data_type: 1,
				entry_len: 16,
				entry_num: 1,
				...fields,
			});
			return [ret < 0 ? -errno : ret, decoded.entry_num];
		};
		guest.kernel.poke(0x3_0000_0000n, new Uint8Array(4096));
		expect(call({ entry_num: 0 })).toEqual([-EINVAL, 0]);
		expect(call({ data_type: 0 })).toEqual([-EINVAL, 0]);
		expect(call({ entry_num: (1 << 18) + 1 })).toEqual([-ENOMEM, (1 << 18) + 1]);
		guest.kernel.poke(0x3_0000_0000n, Uint8Array.of(0x10));
		expect(call({ entry_len: 1 })).toEqual([0, 1]);
	});
});
