/** Tests of vDEVICEs, queues and tables that come, go or change in any order: who is told of a device's faults, and what it may still do. */
import { describe, expect, test } from "vitest";
import { EBUSY, ENOENT } from "../../../../src/kernel/errno.js";
import { QUIRKS } from "../../../../src/sim/vendors/smmuv3/board.js";
import { iommufd_ioas_map_flags as MAP } from "../../../../structs/index.js";
import { type Device, GPA, Guest, HOST, machine, STE_ABORT, STE_BYPASS, STE_S1, VA } from "./guest.js";

const UNMAPPED = VA + 0x3000n;

/** The virtual stream IDs of the events that one faulting access leaves in a queue. */
function told(guest: Guest, device: Device, queue: number): string[] {
	expect(device.dma("read", UNMAPPED)).toHaveLength(1);
	const records = guest.read(queue);
	return Array.from({ length: records.length / 80 }, (_, i) => records.slice(i * 80 + 24, i * 80 + 32));
}

// Golden hw/README.md, "Real events": the vIOMMU and the stream ID are those of the moment when the table was attached.
describe("the receiver of a device's events is fixed when a table is attached", () => {
	test("a bypass entry attached before there is a vDEVICE tells nobody; a vDEVICE made later changes nothing", () => {
		const guest = new Guest();
		const device = guest.device(0);
		const viommu = guest.viommu(device, guest.parent(device));
		const queue = guest.events(viommu);
		const bypass = guest.nested(device, viommu, STE_BYPASS);
		const stage1 = guest.nested(device, viommu, STE_S1);
		device.attach(bypass);
		expect(device.attach(stage1)).toBe(-ENOENT);
		guest.vdevice(device, viommu, 0x10n);
		expect(told(guest, device, queue)).toEqual([]);
		expect(device.attach(bypass)).toBe(bypass);
		expect(told(guest, device, queue)).toEqual([]);
		expect(device.attach(stage1)).toBe(stage1);
		expect(told(guest, device, queue)).toEqual(["10000000"]);
	});

	test("without its vDEVICE an attached table goes on telling, also after another one was refused", () => {
		const guest = new Guest();
		const { device, viommu, vdevice, queue } = guest.running();
		expect(guest.calls.destroy({ id: vdevice }).ret).toBe(0);
		expect(told(guest, device, queue)).toEqual(["10000000"]);
		expect(device.attach(guest.nested(device, viommu, STE_S1))).toBe(-ENOENT);
		expect(told(guest, device, queue)).toEqual(["10000000"]);
	});

	test("a vDEVICE made again with another ID counts from the next table on, whichever that is", () => {
		const guest = new Guest();
		const { device, viommu, vdevice, nested, queue } = guest.running();
		guest.calls.destroy({ id: vdevice });
		guest.vdevice(device, viommu, 0x77n);
		expect(told(guest, device, queue)).toEqual(["10000000"]);
		device.attach(nested);
		expect(told(guest, device, queue)).toEqual(["10000000"]);
		device.detach();
		device.attach(nested);
		expect(told(guest, device, queue)).toEqual(["77000000"]);
	});

	test("replaced by a table of the kernel, or by an aborting entry without a vDEVICE, it tells nobody any more", () => {
		const guest = new Guest();
		const { device, parent, viommu, vdevice, nested, queue } = guest.running();
		for (const table of [parent, guest.ioas]) {
			device.attach(table);
			expect(told(guest, device, queue)).toEqual([]);
			device.attach(nested);
			expect(told(guest, device, queue)).toEqual(["10000000"]);
		}
		guest.calls.destroy({ id: vdevice });
		expect(device.attach(guest.nested(device, viommu, STE_ABORT))).toBeGreaterThan(0);
		expect(device.dma("read", UNMAPPED)).toEqual([]);
		expect(device.attach(nested)).toBe(-ENOENT);
		expect(guest.read(queue)).toBe("");
	});

	test("a queue may come late, go, and come again: events of the time without one are lost, and not counted", () => {
		const guest = new Guest();
		const device = guest.device(0);
		const viommu = guest.viommu(device, guest.parent(device));
		guest.vdevice(device, viommu, 0x10n);
		device.attach(guest.nested(device, viommu, STE_S1));
		device.dma("read", UNMAPPED);
		const first = guest.calls.veventqAlloc({ viommu_id: viommu, type: 1, veventq_depth: 8 }).decoded;
		expect(told(guest, device, first.out_veventq_fd)).toEqual(["10000000"]);
		guest.kernel.close(first.out_veventq_fd);
		expect(guest.calls.destroy({ id: first.out_veventq_id }).ret).toBe(0);
		device.dma("read", UNMAPPED);
		const second = guest.events(viommu);
		device.dma("read", UNMAPPED);
		expect(guest.read(second).slice(0, 16)).toBe("0000000000000000");
	});

	test("a table of another vIOMMU tells that one; the first one can go then", () => {
		const guest = new Guest();
		const { device, parent, viommu, vdevice, nested, queue } = guest.running();
		const other = guest.viommu(device, parent);
		const elsewhere = guest.nested(device, other, STE_S1);
		expect(device.attach(elsewhere)).toBe(-ENOENT);
		expect(guest.calls.destroy({ id: viommu }).errno).toBe(EBUSY);
		guest.calls.destroy({ id: vdevice });
		guest.vdevice(device, other, 0x20n);
		const others = guest.events(other);
		expect(told(guest, device, queue)).toEqual(["10000000"]);
		expect(device.attach(elsewhere)).toBe(elsewhere);
		expect(told(guest, device, others)).toEqual(["20000000"]);
		expect(guest.read(queue)).toBe("");
		expect(guest.calls.destroy({ id: nested }).ret).toBe(0);
	});

	test("each function of a group has its own ID, whichever of them was attached first", () => {
		const guest = new Guest();
		const [one, two] = [guest.device(2), guest.device(3)];
		const viommu = guest.viommu(one, guest.parent(one));
		const queue = guest.events(viommu);
		guest.vdevice(one, viommu, 1n);
		const second = guest.vdevice(two, viommu, 2n);
		const nested = guest.nested(one, viommu, STE_S1);
		one.attach(nested);
		guest.calls.destroy({ id: second });
		expect(two.attach(nested)).toBe(nested);
		expect(told(guest, one, queue)).toEqual(["01000000"]);
		expect(told(guest, two, queue)).toEqual(["02000000"]);
	});
});

describe("memory that devices may only write", () => {
	const IOVA = GPA + 0x10_0000n;
	const PERMISSION = "13000000800000000000000088020000";

	/** A device on its parent table, or on a guest's bypass entry, with two write-only pages at IOVA. */
	function writeOnly(entry?: bigint, quirks: string[] = [QUIRKS.hitsAllowReads]) {
		const guest = new Guest(machine({ quirks }));
		const map = () => {
			const flags = MAP.IOMMU_IOAS_MAP_FIXED_IOVA | MAP.IOMMU_IOAS_MAP_WRITEABLE;
			return guest.calls.ioasMap({ ioas_id: guest.ioas, flags, user_va: HOST + 0x8000n, length: 0x2000n, iova: IOVA }).ret;
		};
		expect(map()).toBe(0);
		const device = guest.device(0);
		const parent = guest.parent(device);
		const table = entry === undefined ? parent : guest.nested(device, guest.viommu(device, parent), entry);
		device.attach(table);
		const reads = (iova: bigint) => device.dma("read", iova).map((record) => record.slice(0, 32));
		return { guest, device, table, map, reads };
	}

	test.each([
		["the parent", undefined],
		["a bypass entry", STE_BYPASS],
	])("%s: a page can be read once it was written, and no other page", (_, entry) => {
		const { device, reads } = writeOnly(entry);
		expect(reads(IOVA)).toEqual([PERMISSION]);
		expect(device.dma("write", IOVA)).toEqual([]);
		expect(reads(IOVA + 0x40n)).toEqual([]);
		expect(reads(IOVA + 0x1000n)).toEqual([PERMISSION]);
	});

	test.each([
		["the parent", undefined],
		["a bypass entry", STE_BYPASS],
	])("%s: without that quirk it cannot be read at all", (_, entry) => {
		const { device, reads } = writeOnly(entry, []);
		expect(device.dma("write", IOVA)).toEqual([]);
		expect(reads(IOVA)).toEqual([PERMISSION]);
	});

	test.each([
		["allows reading with the quirk", [QUIRKS.hitsAllowReads], 0],
		["is refused without", [], 1],
	])("beneath a guest's stage 1: a TLB hit %s", (_, quirks, faults) => {
		const { guest, device, reads } = writeOnly(STE_BYPASS, quirks);
		const viommu = guest.viommu(device, guest.parent(device));
		guest.vdevice(device, viommu, 0x10n);
		device.attach(guest.nested(device, viommu, STE_S1));
		guest.mapPage(1n, IOVA - GPA);
		expect(reads(VA + 0x1000n)).toHaveLength(1);
		expect(device.dma("write", VA + 0x1000n)).toEqual([]);
		expect(reads(VA + 0x1000n)).toHaveLength(faults);
	});

	test("until it is unmapped, or the last device leaves the table", () => {
		const { guest, device, table, map, reads } = writeOnly();
		device.dma("write", IOVA);
		guest.calls.ioasUnmap({ ioas_id: guest.ioas, iova: IOVA, length: 0x2000n });
		expect(reads(IOVA)).toEqual(["10000000800000000000000088020000"]);
		map();
		expect(reads(IOVA)).toEqual([PERMISSION]);
		device.dma("write", IOVA);
		expect(reads(IOVA)).toEqual([]);
		device.detach();
		device.attach(table);
		expect(reads(IOVA)).toEqual([PERMISSION]);
	});
});
