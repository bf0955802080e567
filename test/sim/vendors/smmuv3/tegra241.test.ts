/** Tests of the Tegra241 CMDQV extension: vIOMMUs with a page of registers, command queues that run by themselves, their events. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeSmmuCommand, LVCMDQ, LVCMDQ_STRIDE, type SmmuCommandName } from "../../../../src/formats/smmuv3/index.js";
import { EBUSY, EEXIST, EFAULT, EINVAL, EIO, ENOENT, ENOSPC, ENXIO, EOPNOTSUPP } from "../../../../src/kernel/errno.js";
import { PROT_READ, PROT_WRITE } from "../../../../src/kernel/kernel.js";
import type { MappableObject } from "../../../../src/sim/index.js";
import { iommu_hw_info_tegra241_cmdqv, iommu_viommu_tegra241_cmdqv } from "../../../../structs/index.js";
import { type Device, GPA, Guest, HOST, machine, STE_S1, VA } from "./guest.js";

const ATS = { idr: [0x0d4c149b, 0x02730410, 0, 0x1514, 0, 0xf4], ats: true };
/** guest memory of queue n: its second page of 16 from here on */
const QUEUE = 0x10000n;
const DATA = 0x3_0001_0000n;
const PAGE0 = 0x4_0000_0000n;
const TYPE = 2;
const QUEUE_TYPE = 1;
const SID = 0x10n;

/** A guest on an SMMU with the extension, which maps its virtual interface's page. */
class Tegra extends Guest {
	readonly device0: Device;
	readonly viommuId: number;
	readonly parentId: number;

	constructor(cmdqv: object = {}, n = 1) {
		super(machine({ ...ATS, tegra241_cmdqv: cmdqv }));
		this.device0 = this.device(n);
		this.parentId = this.parent(this.device0);
		this.viommuId = this.interface();
	}

	/** A vIOMMU of the extension's type: its ID, or minus the errno. */
	interface(fields: object = {}): number {
		const given = { type: TYPE, dev_id: this.device0.id, hwpt_id: this.parentId, data_len: 16, data_uptr: DATA, ...fields };
		const { ret, errno, decoded } = this.calls.viommuAlloc(given);
		return ret < 0 ? -errno : decoded.out_viommu_id;
	}

	/** Where the last interface's page can be mapped. */
	get answer() {
		const bytes = new Uint8Array(16);
		this.kernel.peek(DATA, bytes);
		return iommu_viommu_tegra241_cmdqv.decode(bytes);
	}

	map(length = this.answer.out_vintf_mmap_length, offset = this.answer.out_vintf_mmap_offset): bigint {
		return this.kernel.mmap({ addr: PAGE0, length, prot: PROT_READ | PROT_WRITE, fd: this.fd, offset });
	}

	/** A hardware queue: its ID, or minus the errno. */
	hwQueue(index = 0, fields: object = {}): number {
		const given = {
			viommu_id: this.viommuId,
			type: QUEUE_TYPE,
			index,
			nesting_parent_iova: GPA + QUEUE + BigInt(index) * 0x1000n,
			length: 256n,
		};
		const { ret, errno, decoded } = this.calls.hwQueueAlloc({ ...given, ...fields });
		return ret < 0 ? -errno : decoded.out_hw_queue_id;
	}

	register(name: keyof typeof LVCMDQ, queue = 0): number {
		const bytes = new Uint8Array(4);
		this.kernel.peek(PAGE0 + BigInt(queue * LVCMDQ_STRIDE + LVCMDQ[name]), bytes);
		return new DataView(bytes.buffer).getUint32(0, true);
	}

	ring(name: keyof typeof LVCMDQ, value: number, queue = 0): void {
		this.kernel.poke(PAGE0 + BigInt(queue * LVCMDQ_STRIDE + LVCMDQ[name]), new Uint8Array(Uint32Array.of(value).buffer));
	}

	/** Writes a command into a queue's memory. */
	command(entry: number, name: SmmuCommandName, fields: Record<string, bigint> = {}, queue = 0): void {
		this.kernel.poke(HOST + QUEUE + BigInt(queue * 0x1000 + entry * 16), encodeSmmuCommand(name, fields));
	}

	/** An enabled queue of 16 commands, and a device with a stage 1 that maps page 0 of VA to 0x4000. */
	static running(cmdqv: object = {}): { guest: Tegra; events: number; queue: number } {
		const guest = new Tegra(cmdqv);
		guest.vdevice(guest.device0, guest.viommuId, SID);
		const nested = guest.nested(guest.device0, guest.viommuId, STE_S1, 1n << 28n);
		expect(guest.device0.attach(nested)).toBe(nested);
		guest.mapPage(0n, 0x4000n);
		expect(guest.map()).toBe(PAGE0);
		const queue = guest.hwQueue();
		expect(queue).toBeGreaterThan(0);
		const { out_veventq_fd } = guest.calls.veventqAlloc({ viommu_id: guest.viommuId, type: TYPE, veventq_depth: 4 }).decoded;
		guest.ring("CONFIG", 1);
		return { guest, events: out_veventq_fd, queue };
	}
}

/** The check's ID and the text for the call that has just answered `rc`. */
function why(guest: Guest, rc: number): string {
	const found = guest.kernel.why(rc);
	return found === undefined ? "nothing" : `${found.check}: ${found.text}`;
}

describe("GET_HW_INFO", () => {
	const info = (guest: Guest, dev_id: number) => {
		const { errno, decoded } = guest.calls.getHwInfo({ flags: 1, dev_id, in_data_type: 3, data_len: 8, data_uptr: DATA });
		const bytes = new Uint8Array(8);
		guest.kernel.peek(DATA, bytes);
		return errno === 0 ? [decoded.out_data_type, iommu_hw_info_tegra241_cmdqv.decode(bytes)] : -errno;
	};

	test("of type 3 tells of the extension, where the SMMU has it; the default is the SMMU's own", () => {
		const guest = new Tegra({ log2_vcmdqs: 3, log2_vsids: 5 });
		expect(info(guest, guest.device0.id)).toEqual([3, { flags: 0, version: 1, log2vcmdqs: 3, log2vsids: 5, __reserved: 0 }]);
		expect(guest.calls.getHwInfo({ dev_id: guest.device0.id }).decoded.out_data_type).toBe(2);
		const plain = new Guest();
		expect(info(plain, plain.device(0).id)).toBe(-EOPNOTSUPP);
	});
});

describe("vIOMMUs", () => {
	test("answer where the page of registers is, which can be mapped as a whole", () => {
		const guest = new Tegra();
		expect(guest.answer).toEqual({ out_vintf_mmap_offset: 0x1000n, out_vintf_mmap_length: 0x10000n });
		expect(guest.map(0x1000n)).toBe(BigInt(-ENXIO));
		expect(guest.map()).toBe(PAGE0);
		expect(guest.calls.destroy({ id: guest.viommuId }).errno).toBe(EBUSY);
		guest.kernel.munmap(PAGE0, 0x10000n);
		expect(guest.calls.destroy({ id: guest.viommuId }).errno).toBe(0);
		expect(guest.map()).toBe(BigInt(-ENXIO));
	});

	test("take an invalidation array too, as those of type ARM_SMMUV3 do", () => {
		const { guest } = Tegra.running();
		guest.kernel.poke(HOST + 0x4000n, Uint8Array.of(1, 2, 3, 4));
		expect(guest.device0.load()).toBe("01020304");
		guest.mapPage(0n, 0x5000n);
		expect(guest.invalidate(guest.viommuId, [[0x10n, 0n]])).toEqual({ rc: 0, done: 1 });
	});

	test.each([
		[{ data_len: 0, data_uptr: 0n }, EINVAL, "tegra-no-data: no data came with the allocation"],
		[{ data_len: 8 }, EINVAL, "data-length: data_len is 8, and the driver's struct has 16 bytes, of which 16 are needed"],
		[{ data_uptr: 0x1000n }, EFAULT, "data-unreadable: the 16 bytes at data_uptr 0x1000 cannot be read: page 0x1000 is not mapped"],
		[{ type: 3 }, EOPNOTSUPP, "smmu-viommu-type: type is 0x3"],
	])("%o fails", (fields, errno, text) => {
		const guest = new Tegra();
		const rc = guest.interface(fields);
		expect([rc, why(guest, rc)]).toEqual([-errno, `viommu-alloc.${text}`]);
	});

	test("an answer that cannot be written gives the interface back", () => {
		const guest = new Tegra({ log2_vintfs: 2 });
		const addr = guest.kernel.mmap({ addr: 0x5_0000_0000n, length: 0x1000n, prot: PROT_READ });
		for (let i = 0; i < 5; i++) {
			const rc = guest.interface({ data_uptr: addr });
			expect([rc, why(guest, rc)]).toEqual([
				-EFAULT,
				"viommu-alloc.tegra-data-not-writable: the answer cannot be written to data_uptr 0x500000000: page 0x500000000 is read-only",
			]);
		}
	});

	test("there are as many as interfaces, less the kernel's own; they come back", () => {
		const guest = new Tegra({ log2_vintfs: 2 });
		const [second, third, fourth] = [guest.interface(), guest.interface(), guest.interface()];
		expect(third).toBeGreaterThan(0);
		expect([fourth, why(guest, fourth)]).toEqual([-ENOSPC, "viommu-alloc.tegra-vintfs: all 3 virtual interfaces of smmu0 are in use"]);
		guest.calls.destroy({ id: second });
		expect(guest.interface()).toBeGreaterThan(0);
	});

	test("without the extension the type does not exist", () => {
		const guest = new Guest();
		const device = guest.device(0);
		const fields = { type: TYPE, dev_id: device.id, hwpt_id: guest.parent(device) };
		const rc = -guest.calls.viommuAlloc(fields).errno;
		expect([rc, why(guest, rc)]).toEqual([-EOPNOTSUPP, "viommu-alloc.smmu-viommu-type: type is 0x2"]);
	});

	test("replace as many stream IDs as the interface has room for, each of 32 bits", () => {
		const guest = new Tegra({ log2_vsids: 0 });
		const wide = guest.vdevice(guest.device0, guest.viommuId, 1n << 32n);
		expect([wide, why(guest, wide)]).toEqual([-EINVAL, "vdevice-alloc.tegra-virt-id: virt_id is 0x100000000"]);
		const vdevice = guest.vdevice(guest.device0, guest.viommuId, SID);
		expect(vdevice).toBeGreaterThan(0);
		const other = guest.device(0);
		const full = guest.vdevice(other, guest.viommuId, 0x11n);
		expect([full, why(guest, full)]).toEqual([-ENOSPC, "vdevice-alloc.tegra-vsids: all 1 stream IDs of the virtual interface are in use"]);
		guest.calls.destroy({ id: vdevice });
		expect(guest.vdevice(other, guest.viommuId, 0x11n)).toBeGreaterThan(0);
	});
});

describe("hardware queues", () => {
	test.each([
		[0, { type: 7 }, EOPNOTSUPP, "tegra-queue-type: type is 0x7"],
		[2, {}, EINVAL, "tegra-queue-index: index is 2, and the virtual interface has 2 queues"],
		[1, {}, EIO, "tegra-queue-order: index is 1, and no queue has index 0"],
		[0, { length: 48n }, EINVAL, "tegra-queue-length: length is 0x30"],
		[0, { length: 16n }, EINVAL, "tegra-queue-length: length is 0x10"],
		[0, { nesting_parent_iova: 0x5000n }, ENOENT, "pin-gap: "],
	])("index %i with %o fails", (index, fields, errno, text) => {
		const guest = new Tegra();
		const rc = guest.hwQueue(index, fields);
		expect(rc).toBe(-errno);
		expect(why(guest, rc)).toContain(`hw-queue-alloc.${text}`);
	});

	test("must be aligned to their length, and no longer than IDR1.CMDQS says", () => {
		const guest = new Tegra();
		const rc = guest.hwQueue(0, { nesting_parent_iova: GPA + QUEUE + 128n });
		expect(rc).toBe(-EINVAL);
		expect(why(guest, rc)).toMatch(
			/^hw-queue-alloc\.tegra-queue-base: nesting_parent_iova 0x1010080 leads to physical address 0x[0-9a-f]+080, /,
		);
		const small = new Guest(machine({ ...ATS, idr: [0x0d4c149b, 0x00600410, 0, 0x1514, 0, 0xf4], tegra241_cmdqv: {} }));
		const device = small.device(1);
		const fields = { type: TYPE, dev_id: device.id, hwpt_id: small.parent(device), data_len: 16, data_uptr: DATA };
		const viommu_id = small.calls.viommuAlloc(fields).decoded.out_viommu_id;
		const length = (bytes: bigint) =>
			small.calls.hwQueueAlloc({ viommu_id, type: QUEUE_TYPE, index: 0, nesting_parent_iova: GPA + QUEUE, length: bytes }).errno;
		expect([length(256n), length(128n)]).toEqual([EINVAL, 0]);
	});

	test("come in ascending order and go in descending; the memory stays pinned", () => {
		const guest = new Tegra();
		const first = guest.hwQueue(0);
		expect(guest.hwQueue(0)).toBe(-EEXIST);
		const second = guest.hwQueue(1);
		expect(second).toBeGreaterThan(0);
		expect(guest.calls.destroy({ id: first }).errno).toBe(EBUSY);
		expect(guest.calls.ioasUnmap({ ioas_id: guest.ioas, iova: 0n, length: 2n ** 64n - 1n }).errno).toBe(EBUSY);
		expect([second, first].map((id) => guest.calls.destroy({ id }).errno)).toEqual([0, 0]);
		expect(guest.hwQueue(0)).toBeGreaterThan(0);
	});
});

describe("commands", () => {
	test("run when the doorbell rings: TLB and device cache forget, CONS follows PROD", () => {
		const { guest } = Tegra.running();
		guest.kernel.poke(HOST + 0x4000n, Uint8Array.of(0xaa, 0xaa, 0xaa, 0xaa));
		guest.kernel.poke(HOST + 0x5000n, Uint8Array.of(0xbb, 0xbb, 0xbb, 0xbb));
		expect(guest.device0.load()).toBe("aaaaaaaa");
		guest.mapPage(0n, 0x5000n);
		guest.command(0, "TLBI_NH_VA", { asid: 1n, address: VA, leaf: 1n });
		guest.command(1, "TLBI_NH_ASID", { asid: 1n });
		guest.command(2, "ATC_INV", { sid: SID, address: VA });
		guest.command(3, "SYNC");
		expect(guest.device0.load()).toBe("aaaaaaaa");
		guest.ring("PROD_INDX", 4);
		expect([guest.register("CONS_INDX"), guest.register("STATUS"), guest.register("GERROR")]).toEqual([4, 1, 0]);
		expect(guest.device0.load()).toBe("bbbbbbbb");
	});

	test("rung by a real program, whose page nobody watches, run before the next DMA", () => {
		const { guest } = Tegra.running();
		guest.command(0, "SYNC");
		const pages = new Uint8Array(0x10000);
		const object = guest.kernel.memory.find(Number(PAGE0 >> 12n))?.object as MappableObject;
		object.moveTo({
			readAt: (page, offset, into, at, count) => into.set(pages.subarray(page * 4096 + offset, page * 4096 + offset + count), at),
			writeAt: (page, offset, from, at, count) => pages.set(from.subarray(at, at + count), page * 4096 + offset),
			clearAt: (page, offset, count) => pages.fill(0, page * 4096 + offset, page * 4096 + offset + count),
		});
		pages[LVCMDQ.PROD_INDX] = 1;
		expect(guest.register("CONS_INDX")).toBe(0);
		guest.device0.load();
		expect(guest.register("CONS_INDX")).toBe(1);
	});

	test("wrap around the end of the queue", () => {
		const { guest } = Tegra.running();
		for (let entry = 0; entry < 16; entry++) guest.command(entry, "SYNC");
		guest.ring("PROD_INDX", 12);
		guest.ring("PROD_INDX", 16 + 4);
		expect(guest.register("CONS_INDX")).toBe(20);
		guest.ring("PROD_INDX", 3);
		expect(guest.register("CONS_INDX")).toBe(3);
	});

	test("wait while the queue is disabled", () => {
		const { guest } = Tegra.running();
		guest.ring("CONFIG", 0);
		guest.command(0, "SYNC");
		guest.ring("PROD_INDX", 1);
		expect([guest.register("STATUS"), guest.register("CONS_INDX")]).toEqual([0, 0]);
		guest.ring("CONFIG", 1);
		expect([guest.register("STATUS"), guest.register("CONS_INDX")]).toEqual([1, 1]);
	});

	test.each([
		["CFGI_CD", { sid: SID }, "CFGI_CD is not a command of a guest's queue"],
		["TLBI_NSNH_ALL", {}, "TLBI_NSNH_ALL is not a command of a guest's queue"],
		["ATC_INV", { sid: 0x77n }, "stream ID 0x77 is not that of a vDEVICE"],
	] as const)(
		"%s %o stops the queue; the guest is told which queues are in error, and it goes on once acknowledged",
		(name, fields, text) => {
			const { guest, events } = Tegra.running();
			guest.command(0, "SYNC");
			guest.command(1, name, fields);
			guest.command(2, "SYNC");
			guest.ring("PROD_INDX", 3);
			expect([guest.register("CONS_INDX"), guest.register("GERROR")]).toEqual([(1 << 24) | 1, 1]);
			expect(guest.kernel.notes().map((note) => note.text)).toContain(`queue 0 of smmu0 stopped at entry 1 (CERROR_ILL): ${text}`);
			expect(guest.read(events)).toBe("00000000000000000100000000000000" + "0000000000000000");
			// nothing is executed, and no further event is sent, until GERRORN follows
			guest.ring("PROD_INDX", 3);
			expect(guest.read(events)).toBe("");
			guest.command(1, "SYNC");
			guest.ring("GERRORN", 1);
			expect([guest.register("CONS_INDX"), guest.register("GERROR")]).toEqual([3, 1]);
		},
	);

	test("an ATC_INV that fails is reported at the SYNC, to the guest alone", () => {
		const { guest, events } = Tegra.running();
		guest.device0.load();
		const device = guest.sim.control.device("0000:00:11.0");
		device.iommu.driver.caches?.failing.add(device.requester.wire, "ITE");
		guest.command(0, "ATC_INV", { sid: SID, address: VA });
		guest.command(1, "SYNC");
		guest.ring("PROD_INDX", 2);
		expect(guest.register("CONS_INDX")).toBe((3 << 24) | 1);
		expect(guest.read(events)).toHaveLength(48);
		expect(guest.sim.log).toEqual([]);
		guest.ring("GERRORN", 1);
		expect(guest.register("CONS_INDX")).toBe(2);
	});

	test("of one interface leave the translations of another alone", () => {
		const { guest } = Tegra.running();
		guest.device0.load();
		guest.mapPage(0n, 0x5000n);
		// another guest of the same SMMU, with another nesting parent and so another VMID
		const parent = guest.parent(guest.device0);
		const second = guest.interface({ hwpt_id: parent });
		const { out_vintf_mmap_offset, out_vintf_mmap_length } = guest.answer;
		const addr = guest.kernel.mmap({
			addr: PAGE0 + 0x10000n,
			length: out_vintf_mmap_length,
			prot: PROT_READ | PROT_WRITE,
			fd: guest.fd,
			offset: out_vintf_mmap_offset,
		});
		expect(guest.hwQueue(0, { viommu_id: second, nesting_parent_iova: GPA + QUEUE + 0x2000n })).toBeGreaterThan(0);
		guest.kernel.poke(HOST + QUEUE + 0x2000n, encodeSmmuCommand("TLBI_NH_ASID", { asid: 1n }));
		const before = guest.sim.control.iommus[0].caches.list().length;
		expect(before).toBeGreaterThan(0);
		guest.kernel.poke(addr + 8n, Uint8Array.of(1, 0, 0, 0));
		guest.kernel.poke(addr + 4n, Uint8Array.of(1, 0, 0, 0));
		const cons = new Uint8Array(4);
		guest.kernel.peek(addr, cons);
		expect([...cons]).toEqual([1, 0, 0, 0]);
		expect(guest.sim.control.iommus[0].caches.list()).toHaveLength(before);
	});
});

test("what is no register of a queue stays zero; STATUS and GERROR are the hardware's", () => {
	const { guest } = Tegra.running();
	guest.ring("STATUS", 0xff);
	guest.ring("GERROR", 0xff);
	guest.ring("CONFIG", 1, 1);
	expect([guest.register("STATUS"), guest.register("GERROR"), guest.register("CONFIG", 1)]).toEqual([1, 0, 0]);
	guest.kernel.poke(PAGE0, new Uint8Array(0x10000).fill(0xff));
	const bytes = new Uint8Array(0x10000);
	guest.kernel.peek(PAGE0, bytes);
	expect(bytes.subarray(0x18).every((byte) => byte === 0)).toBe(true);
});

test("whatever a guest writes, the queue ends within its bounds", () => {
	const { guest } = Tegra.running();
	const word = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
	const step = fc.oneof(
		fc.record({ at: fc.nat(15), words: fc.tuple(fc.oneof(word, fc.constantFrom(0x12n, 0x11n, 0x46n, 0x40n)), word) }),
		fc.record({ register: fc.constantFrom(...(Object.keys(LVCMDQ) as (keyof typeof LVCMDQ)[])), value: fc.nat(0x7fff_ffff) }),
	);
	fc.assert(
		fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
			for (const each of steps) {
				if ("at" in each) guest.kernel.poke(HOST + QUEUE + BigInt(each.at * 16), new Uint8Array(BigUint64Array.from(each.words).buffer));
				else guest.ring(each.register, each.value);
			}
			expect([0, 1]).toContain(guest.register("STATUS"));
			expect([0, 1]).toContain(guest.register("GERROR"));
		}),
		{ numRuns: 50 },
	);
});
