/** A small machine and a program on it, for the tests of VFIO. */
import { expect } from "vitest";
import { PROT_READ, PROT_WRITE } from "../../../src/kernel/kernel.js";
import { createSim, type Sim, type SimProcess } from "../../../src/sim/index.js";
import { checkMachine } from "../../../src/sim/vendors/machines.js";
import {
	vfio_device_attach_iommufd_pt as ATTACH,
	vfio_device_bind_iommufd as BIND,
	vfio_device_detach_iommufd_pt as DETACH,
	ioctls,
	iommu_hwpt_alloc,
	iommu_ioas_alloc,
	iommu_ioas_map,
} from "../../../structs/index.js";

export const MEMORY = 0x200000000n;
const MEMORY_SIZE = 0x40000n;

const MSI = { first: 0xfee00000, last: 0xfeefffff, type: "msi" };

/** VT-d in scalable mode with every feature, in legacy mode, and AMD; the same devices are behind each. */
const IOMMUS = {
	vtd: { kind: "vtd", cap: 0x91d2008c222f0606n, ecap: 0x1ed9ea4f00fcen, reserved: [MSI] },
	legacy: { kind: "vtd", cap: 0x80d2008c222f0606n, ecap: 0xf00fcen, reserved: [MSI] },
	/** without interrupt remapping (ecap bit 3) */
	noir: { kind: "vtd", cap: 0x80d2008c222f0606n, ecap: 0xf46n, reserved: [MSI] },
	amd: { kind: "amd", efr: 0x17000f000029d7n, efr2: 8, reserved: [MSI] },
	riscv: { kind: "riscv", capabilities: 0x1f803068610n },
} as const;

/** A small machine: solo edu, two functions of a slot, an edu with a host driver's neighbour, two behind a PCI bridge, PF and VF. */
export function machine(kind: keyof typeof IOMMUS, kernel: object = {}) {
	const at = (bdf: string, more: object = {}) => ({ bdf, iommu: "mmu", ...more });
	return checkMachine({
		name: "test",
		kernel: { unsafe_interrupts: true, ...kernel },
		iommus: [{ name: "mmu", ...IOMMUS[kind] }],
		bridges: [
			{ bdf: "00:14.0", type: "root-port", secondary: 2 },
			{ bdf: "02:00.0", type: "pcie-to-pci", secondary: 3 },
			{ bdf: "00:15.0", type: "root-port", secondary: 5 },
		],
		devices: [
			at("00:10.0", { vfio: 0 }),
			at("00:11.0", { vfio: 1 }),
			at("00:11.1", { vfio: 2 }),
			at("00:12.0", { vfio: 3, pasid_width: 20, ats: true, pri: 32 }),
			at("00:13.0", { vfio: 4 }),
			at("00:13.1", { driver: "virtio-pci", model: "plain" }),
			at("03:01.0", { vfio: 5 }),
			at("03:02.0", { vfio: 6 }),
			at("05:00.0", { vfio: 7, vendor: 0x8086, device: 0x10c9, model: "igb" }),
			at("05:10.0", { vfio: 8, vendor: 0x8086, device: 0x10ca, model: "igbvf", pf: "05:00.0" }),
		],
		mdevs: [{ name: "mtty", vfio: 9 }],
	});
}

/** A program on a new machine, with shorthands for its calls. */
export class Program {
	readonly sim: Sim;
	readonly kernel: SimProcess;
	readonly iommu: number;

	/** `sim`: run on the machine of an earlier program */
	constructor(kind: keyof typeof IOMMUS = "vtd", kernel: object = {}, sim?: Sim) {
		this.sim = sim ?? createSim({ machine: machine(kind, kernel) });
		this.kernel = this.sim.newProcess();
		this.kernel.mmap({ addr: MEMORY, length: MEMORY_SIZE, prot: PROT_READ | PROT_WRITE });
		this.iommu = this.kernel.open("/dev/iommu");
	}

	device(n: number): number {
		const fd = this.kernel.open(`/dev/vfio/devices/vfio${n}`);
		expect(fd).toBeGreaterThan(0);
		return fd;
	}

	/** the device's ID, or minus the errno */
	bind(fd: number, iommufd = this.iommu, token?: bigint): number {
		const bytes = BIND.encode({ argsz: BIND.size, flags: token === undefined ? 0 : 1, iommufd, token_uuid_ptr: token ?? 0n });
		const rc = this.kernel.ioctl(fd, ioctls.VFIO_DEVICE_BIND_IOMMUFD.request, bytes);
		return rc < 0 ? rc : BIND.decode(bytes).out_devid;
	}

	/** an open device that is bound; `id` is its ID in the context */
	bound(n: number): { fd: number; id: number } {
		const fd = this.device(n);
		const id = this.bind(fd);
		expect(id).toBeGreaterThan(0);
		return { fd, id };
	}

	/** the page table's ID, or minus the errno */
	attach(fd: number, pt_id: number, pasid?: number): number {
		const bytes = ATTACH.encode({ argsz: ATTACH.size, flags: pasid === undefined ? 0 : 1, pt_id, pasid: pasid ?? 0 });
		const rc = this.kernel.ioctl(fd, ioctls.VFIO_DEVICE_ATTACH_IOMMUFD_PT.request, bytes);
		return rc < 0 ? rc : ATTACH.decode(bytes).pt_id;
	}

	detach(fd: number, pasid?: number): number {
		const bytes = DETACH.encode({ argsz: DETACH.size, flags: pasid === undefined ? 0 : 1, pasid: pasid ?? 0 });
		return this.kernel.ioctl(fd, ioctls.VFIO_DEVICE_DETACH_IOMMUFD_PT.request, bytes);
	}

	ioas(): number {
		const bytes = iommu_ioas_alloc.encode({ size: iommu_ioas_alloc.size });
		expect(this.kernel.ioctl(this.iommu, ioctls.IOMMU_IOAS_ALLOC.request, bytes)).toBe(0);
		return iommu_ioas_alloc.decode(bytes).out_ioas_id;
	}

	/** maps the program's memory from `offset`, by default readable and writable */
	map(ioas_id: number, iova: bigint, length = 0x1000n, offset = 0n, flags = 7): number {
		const bytes = iommu_ioas_map.encode({ size: iommu_ioas_map.size, flags, ioas_id, user_va: MEMORY + offset, length, iova });
		return this.kernel.ioctl(this.iommu, ioctls.IOMMU_IOAS_MAP.request, bytes);
	}

	/** the page table's ID, or minus the errno */
	hwpt(dev_id: number, pt_id: number, flags = 0, data?: { type: number; bytes: Uint8Array }): number {
		const data_uptr = MEMORY + MEMORY_SIZE - 0x1000n;
		if (data !== undefined) this.kernel.poke(data_uptr, data.bytes);
		const fields = { size: iommu_hwpt_alloc.size, flags, dev_id, pt_id, data_type: data?.type ?? 0, data_len: data?.bytes.length ?? 0 };
		const bytes = iommu_hwpt_alloc.encode({ ...fields, data_uptr: data === undefined ? 0n : data_uptr });
		const rc = this.kernel.ioctl(this.iommu, ioctls.IOMMU_HWPT_ALLOC.request, bytes);
		return rc < 0 ? rc : iommu_hwpt_alloc.decode(bytes).out_hwpt_id;
	}

	destroy(id: number): number {
		return this.kernel.ioctl(this.iommu, ioctls.IOMMU_DESTROY.request, Uint8Array.of(8, 0, 0, 0, id, 0, 0, 0));
	}

	poke(offset: bigint, text: string): void {
		this.kernel.poke(MEMORY + offset, new TextEncoder().encode(text));
	}

	peek(offset: bigint, length: number): string {
		const bytes = new Uint8Array(length);
		this.kernel.peek(MEMORY + offset, bytes);
		return new TextDecoder().decode(bytes).replaceAll("\0", ".");
	}

	/** Fill the device's buffer with a text, by DMA from the IOVA where memory at `offset` is mapped. */
	load(fd: number, iova: bigint, offset: bigint, text: string): void {
		this.poke(offset, text);
		this.kernel.dma(fd, "read", iova, text.length, 0);
	}

	/** The memory at `offset` after the device writes four bytes to the IOVA: "----" if the write did not arrive. */
	store(fd: number, iova: bigint, offset: bigint): string {
		this.poke(offset, "----");
		this.kernel.dma(fd, "write", iova, 4, 0);
		return this.peek(offset, 4);
	}
}
