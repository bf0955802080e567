/** The machine and the guest that the SMMUv3 tests run on. */
import { iommuOn } from "../../../../src/client/iommu.js";
import { fromWords } from "../../../../src/formats/words.js";
import { PROT_READ, PROT_WRITE } from "../../../../src/kernel/kernel.js";
import type { Machine } from "../../../../src/sim/board/description.js";
import { createSim } from "../../../../src/sim/index.js";
import { checkMachine } from "../../../../src/sim/vendors/machines.js";
import { iommufd_ioas_map_flags as MAP } from "../../../../structs/index.js";

/** Guest memory: 64 pages at GPA, which are the program's memory at HOST. */
export const HOST = 0x2_0000_0000n;
export const GPA = 0x100_0000n;
const SIZE = 0x4_0000n;
/** memory for calls' arrays */
const ARGS = 0x3_0000_0000n;

/** offsets in guest memory: context descriptor, tables of three levels */
const CD = 0n;
const L1 = 0x1000n;
const L2 = 0x2000n;
export const L3 = 0x3000n;
/** the first page of device addresses that the guest maps */
export const VA = 0x1000_0000n;
/** read and write, accessed */
const LEAF = 0x743n;

const V = 1n;
export const STE_S1 = V | (5n << 1n) | (GPA + CD);
export const STE_BYPASS = V | (4n << 1n);
export const STE_ABORT = V;

/** QEMU's SMMUv3 with four devices: two alone, two that share a group; and one behind a second SMMU. */
export function machine(smmu: object = {}): Machine {
	const unit = { kind: "smmuv3", idr: [0x0d44101b, 0x02730010, 0, 0x1414, 0, 0x74], aidr: 1, canwbs: true, caches: { paging: 0 }, ...smmu };
	const edu = { vendor: 0x1234, device: 0x11e8, model: "edu", driver: "vfio-pci" };
	return checkMachine({
		name: "test",
		arch: "aarch64",
		iommus: [
			{ name: "smmu0", ...unit },
			{ name: "smmu1", ...unit },
		],
		bridges: [{ bdf: "0000:00:14.0", type: "pcie-to-pci", secondary: 1 }],
		devices: [
			{ bdf: "0000:00:10.0", iommu: "smmu0", vfio: 0, ...edu },
			{ bdf: "0000:00:11.0", iommu: "smmu0", vfio: 1, ...edu, pasid_width: 16, ats: true, stall: true },
			{ bdf: "0000:00:12.0", iommu: "smmu0", vfio: 2, ...edu },
			{ bdf: "0000:00:12.1", iommu: "smmu0", vfio: 3, ...edu },
			{ bdf: "0000:00:13.0", iommu: "smmu1", vfio: 4, ...edu },
			{ bdf: "0000:01:01.0", iommu: "smmu0", vfio: 5, ...edu },
		],
	});
}

/** A program that acts as a VMM: an IOAS with its guest's memory, and the calls it needs. */
export class Guest {
	readonly sim: ReturnType<typeof createSim>;
	readonly kernel: ReturnType<ReturnType<typeof createSim>["newProcess"]>;
	readonly fd: number;
	readonly ioas: number;

	constructor(on: Machine = machine()) {
		this.sim = createSim({ machine: on });
		this.kernel = this.sim.newProcess();
		this.fd = this.kernel.open("/dev/iommu");
		for (const [addr, length] of [
			[HOST, SIZE],
			[ARGS, 0x20_000n],
		])
			this.kernel.mmap({ addr, length, prot: PROT_READ | PROT_WRITE });
		this.ioas = this.calls.ioasAlloc().decoded.out_ioas_id;
		this.mapMemory();
		this.put(CD, [0x0001_e202_c000_3519n, GPA + L1]);
		this.put(L1, [(GPA + L2) | 3n]);
		this.put(L2 + 0x400n, [(GPA + L3) | 3n]);
		this.mapPage(15n, 0x1f000n);
	}

	get calls() {
		return iommuOn(this.kernel, this.fd);
	}

	mapMemory(): void {
		const flags = MAP.IOMMU_IOAS_MAP_FIXED_IOVA | MAP.IOMMU_IOAS_MAP_READABLE | MAP.IOMMU_IOAS_MAP_WRITEABLE;
		this.calls.ioasMap({ ioas_id: this.ioas, flags, user_va: HOST, length: SIZE, iova: GPA });
	}

	/** Writes words to guest memory. */
	put(offset: bigint, words: readonly bigint[]): void {
		this.kernel.poke(HOST + offset, fromWords(words));
	}

	get(offset: bigint, length = 4): string {
		const bytes = new Uint8Array(length);
		this.kernel.peek(HOST + offset, bytes);
		return Buffer.from(bytes).toString("hex");
	}

	/** Maps page `n` of VA to a page of guest memory with these attribute bits. */
	mapPage(n: bigint, page: bigint, attributes = LEAF): void {
		this.put(L3 + n * 8n, [(GPA + page) | attributes]);
	}

	device(n: number): Device {
		const fd = this.kernel.open(`/dev/vfio/devices/vfio${n}`);
		const id = iommuOn(this.kernel, fd).deviceBind({ iommufd: this.fd }).decoded.out_devid;
		return new Device(this, fd, id);
	}

	/** The ID of the page table, or minus the errno. */
	table(device: Device, fields: { flags?: number; pt_id?: number } = {}): number {
		const answer = this.calls.hwptAlloc({ dev_id: device.id, pt_id: this.ioas, ...fields });
		return answer.ret < 0 ? -answer.errno : answer.decoded.out_hwpt_id;
	}

	parent(device: Device): number {
		return this.table(device, { flags: 1 });
	}

	viommu(device: Device, parent: number): number {
		const answer = this.calls.viommuAlloc({ type: 1, dev_id: device.id, hwpt_id: parent });
		return answer.ret < 0 ? -answer.errno : answer.decoded.out_viommu_id;
	}

	vdevice(device: Device, viommu: number, virtId: bigint): number {
		const answer = this.calls.vdeviceAlloc({ viommu_id: viommu, dev_id: device.id, virt_id: virtId });
		return answer.ret < 0 ? -answer.errno : answer.decoded.out_vdevice_id;
	}

	nested(device: Device, viommu: number, word0: bigint, word1 = 0n, more: object = {}): number {
		this.kernel.poke(ARGS, fromWords([word0, word1]));
		const fields = { dev_id: device.id, pt_id: viommu, data_type: 2, data_len: 16, data_uptr: ARGS };
		const answer = this.calls.hwptAlloc({ ...fields, ...more });
		return answer.ret < 0 ? -answer.errno : answer.decoded.out_hwpt_id;
	}

	events(viommu: number, depth = 8): number {
		return this.calls.veventqAlloc({ viommu_id: viommu, type: 1, veventq_depth: depth }).decoded.out_veventq_fd;
	}

	read(fd: number, length = 400): string {
		const bytes = new Uint8Array(length);
		const ret = this.kernel.read(fd, bytes);
		return ret < 0 ? String(ret) : Buffer.from(bytes.subarray(0, ret)).toString("hex");
	}

	/** Sends commands to a vIOMMU; returns the call's result and the number of commands done. */
	invalidate(viommu: number, commands: readonly (readonly [bigint, bigint])[]): { rc: number; done: number } {
		this.kernel.poke(ARGS, fromWords(commands.flat()));
		const fields = { hwpt_id: viommu, data_uptr: ARGS, data_type: 1, entry_len: 16, entry_num: commands.length };
		const { ret, errno, decoded } = this.calls.hwptInvalidate(fields);
		return { rc: ret < 0 ? -errno : ret, done: decoded.entry_num };
	}

	/** Sets a guest up: parent, vIOMMU, the device as vDEVICE 0x10 attached to stage 1, page 0 of VA mapped to `page`. */
	running(n = 0, page = 0x4000n) {
		const device = this.device(n);
		const parent = this.parent(device);
		const viommu = this.viommu(device, parent);
		const vdevice = this.vdevice(device, viommu, 0x10n);
		const queue = this.events(viommu);
		const nested = this.nested(device, viommu, STE_S1);
		device.attach(nested);
		this.mapPage(0n, page);
		return { device, parent, viommu, vdevice, queue, nested };
	}
}

export class Device {
	constructor(
		readonly guest: Guest,
		readonly fd: number,
		readonly id: number,
	) {}

	/** The page table's ID, or minus the errno. */
	attach(id: number, pasid?: number): number {
		const answer = iommuOn(this.guest.kernel, this.fd).deviceAttach({ flags: pasid === undefined ? 0 : 1, pt_id: id, pasid: pasid ?? 0 });
		return answer.ret < 0 ? -answer.errno : answer.decoded.pt_id;
	}

	detach(): void {
		iommuOn(this.guest.kernel, this.fd).deviceDetach();
	}

	/** The SMMU's records, in hex. */
	dma(dir: "read" | "write", iova: bigint, length = 4): string[] {
		return this.guest.kernel.dma(this.fd, dir, iova, length, 0).map((record) => Buffer.from(record).toString("hex"));
	}

	/** What the device reads at an address of page 0, which it writes to page 15. */
	load(iova = VA): string {
		this.dma("read", iova);
		this.dma("write", VA + 0xf000n);
		return this.guest.get(0x1f000n);
	}
}
