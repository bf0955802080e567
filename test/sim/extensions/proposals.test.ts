/** Tests of the proposals: SIOV, page responses of 2017, fault attribution, stalls. */
import { describe, expect, test } from "vitest";
import { EBUSY } from "../../../src/kernel/errno.js";
import { explainFault } from "../../../src/sim/extensions/explain-fault.js";
import { respond2017 } from "../../../src/sim/extensions/page-response.js";
import { iommu_hwpt_pgfault as FAULT, iommufd_hwpt_alloc_flags as HWPT } from "../../../structs/index.js";
import { PF, program, SIOV, SMMU_SVM, SVM } from "./machine.js";

describe("SIOV virtual devices", () => {
	test("two of one function cannot share a context, but may be in two", () => {
		const { process, bind, sim } = program();
		expect(bind(SIOV[0]).errno).toBe(0);
		expect(bind(SIOV[1]).errno).toBe(EBUSY);
		expect(sim.log.at(-1)).toContain("siov1 cannot be bound: siov0");
		expect(bind(SIOV[1], process.open("/dev/iommu")).errno).toBe(0);
	});

	test("nor can one share it with its parent, whichever comes first", () => {
		const one = program();
		expect(one.bind(SVM).errno).toBe(0);
		expect(one.bind(SIOV[0]).errno).toBe(EBUSY);
		const other = program();
		expect(other.bind(SIOV[0]).errno).toBe(0);
		expect(other.bind(SVM).errno).toBe(EBUSY);
	});

	test("its DMA goes through its own table, not through its parent's", () => {
		const { bind, control, ioas } = program();
		const device = bind(SIOV[0]);
		expect(control.dma("siov0", "read", 0n, new Uint8Array(8))).toMatchObject({ state: "aborted" });
		expect(device.attach(ioas)).toBe(0);
		expect(control.dma("siov0", "read", 0n, new Uint8Array(8))).toMatchObject({ state: "done" });
		expect(control.dma(`vfio${SVM}`, "read", 0n, new Uint8Array(8))).toMatchObject({ state: "aborted" });
	});
});

describe("page requests of a virtual device", () => {
	test("go to its own table's fault queue, without its PASID, which it does not know", () => {
		const { iommu, bind, ioas, control, process } = program();
		const device = bind(SIOV[0]);
		const queue = iommu.faultQueueAlloc().decoded;
		const flags = HWPT.IOMMU_HWPT_FAULT_ID_VALID;
		const table = iommu.hwptAlloc({ dev_id: device.id, pt_id: ioas, flags, fault_id: queue.out_fault_id }).decoded.out_hwpt_id;
		expect(device.attach(table)).toBe(0);
		expect(control.dma("siov0", "read", 0x200000n, new Uint8Array(8))).toMatchObject({ state: "waiting" });
		const message = new Uint8Array(40);
		expect(process.read(queue.out_fault_fd, message)).toBe(40);
		expect(FAULT.decode(message)).toMatchObject({ dev_id: device.id, flags: 2, pasid: 0, addr: 0x200000n });
	});
});

/** Two devices behind one page table with a fault queue. */
function faulting() {
	const made = program();
	const { iommu, bind, ioas, control } = made;
	const queue = iommu.faultQueueAlloc().decoded;
	const first = bind(SVM);
	const second = bind(PF);
	const table = iommu.hwptAlloc({ dev_id: first.id, pt_id: ioas, flags: HWPT.IOMMU_HWPT_FAULT_ID_VALID, fault_id: queue.out_fault_id })
		.decoded.out_hwpt_id;
	expect(first.attach(table)).toBe(0);
	expect(second.attach(table)).toBe(0);
	return { ...made, queue, first: control.device(`vfio${SVM}`), second: control.device(`vfio${PF}`), firstId: first.id };
}

describe("a page response of 2017", () => {
	const success = { resp_code: 0, pasid_present: 0, pasid: 0, page_req_group_id: 0 };

	test("answers what is pending for that device; anything else is refused and counted", () => {
		const { control, first, second } = faulting();
		const transfer = control.dma(`vfio${SVM}`, "read", 0x200000n, new Uint8Array(8));
		expect(transfer).toMatchObject({ state: "waiting", group: 0 });
		expect(respond2017(control, second, success)).toMatchObject({ taken: false, why: expect.stringContaining("pending for 0000:00:12.0") });
		expect(respond2017(control, first, { ...success, pasid_present: 1 })).toMatchObject({ taken: false });
		expect(respond2017(control, first, { ...success, resp_code: 7 })).toMatchObject({ taken: false });
		expect(control.requests(second).counts.refusedResponses).toBe(1);
		expect(control.requests(first).counts.refusedResponses).toBe(2);
		expect(respond2017(control, first, { ...success, resp_code: 1 })).toMatchObject({ taken: true });
		expect(transfer).toMatchObject({ state: "aborted" });
	});

	test("a failure stops the device's page requests until it is bound again", () => {
		const { control, first } = faulting();
		control.dma(`vfio${SVM}`, "read", 0x200000n, new Uint8Array(8));
		expect(respond2017(control, first, { ...success, resp_code: 15 })).toMatchObject({ taken: true });
		expect(control.dma(`vfio${SVM}`, "read", 0x200000n, new Uint8Array(8))).toMatchObject({ state: "aborted" });
		expect(control.requests(first).stopped).toBe(true);
	});
});

describe("attribution of a fault", () => {
	test("device, context, page table and queue", () => {
		const { sim, queue, firstId } = faulting();
		const told = explainFault(sim, 0, 0x90, undefined);
		expect(told).toMatchObject({
			attributed: true,
			owners: [{ node: "vfio3", bound: { context: 1, deviceId: firstId }, faultQueue: queue.out_fault_id }],
		});
	});

	test("an ID that no device sends, and one that several send", () => {
		const { sim } = program();
		expect(explainFault(sim, 0, 0xffff, undefined)).toMatchObject({ attributed: false, owners: [] });
		expect(explainFault(sim, 0, 0x300, undefined)).toMatchObject({
			attributed: false,
			owners: [{ name: "0000:03:01.0" }, { name: "0000:03:02.0" }],
		});
	});
});

describe("stalls of SMMUv3", () => {
	test("a transaction that stalls waits as a page request, and goes on when it is answered", () => {
		const { iommu, bind, ioas, control, process, ram } = program();
		const words = (at: bigint, ...list: bigint[]) => process.poke(ram + at, new Uint8Array(BigUint64Array.from(list).buffer));
		const device = bind(SMMU_SVM);
		const queue = iommu.faultQueueAlloc().decoded;
		const parent = iommu.hwptAlloc({ dev_id: device.id, pt_id: ioas, flags: HWPT.IOMMU_HWPT_ALLOC_NEST_PARENT }).decoded.out_hwpt_id;
		const viommu = iommu.viommuAlloc({ dev_id: device.id, hwpt_id: parent, type: 1 }).decoded.out_viommu_id;
		iommu.vdeviceAlloc({ viommu_id: viommu, dev_id: device.id, virt_id: 0x42n });
		// a CD with S (stall), 48-bit addresses and 4K pages, and a table without its last entry
		words(0x10000n, 0x17204c0000010n, 0x11000n);
		words(0x11000n, 0x12003n);
		words(0x12000n, 0x13003n);
		words(0x13000n, 0x14003n);
		const ste = process.mmap({ addr: 0n, length: 4096n, prot: 3 });
		process.poke(ste, new Uint8Array(BigUint64Array.from([0x1000bn, 0n]).buffer));
		const nested = iommu.hwptAlloc({
			dev_id: device.id,
			pt_id: viommu,
			flags: HWPT.IOMMU_HWPT_FAULT_ID_VALID,
			fault_id: queue.out_fault_id,
			data_type: 2,
			data_len: 16,
			data_uptr: ste,
		}).decoded.out_hwpt_id;
		expect(device.attach(nested)).toBe(0);
		const transfer = control.dma(`vfio${SMMU_SVM}`, "write", 0x1000n, Uint8Array.of(1, 2, 3));
		expect(transfer).toMatchObject({ state: "waiting", asked: 1 });
		expect(process.read(queue.out_fault_fd, new Uint8Array(40))).toBe(40);
		words(0x14008n, 0x5743n);
		// cookie 1, SUCCESS
		expect(process.write(queue.out_fault_fd, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0))).toBe(8);
		expect(transfer).toMatchObject({ state: "done", done: 3, record: undefined });
		const there = new Uint8Array(3);
		process.peek(ram + 0x5000n, there);
		expect([...there]).toEqual([1, 2, 3]);
	});
});
