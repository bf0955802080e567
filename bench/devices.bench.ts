/** Benchmark: attaching a device or PASID takes as long when there are many as when there are few. */
import { iommuOn } from "../src/client/iommu.js";
import { createSim } from "../src/sim/index.js";
import { BUILTIN_MACHINES, checkMachine } from "../src/sim/vendors/machines.js";
import { iommufd_hwpt_alloc_flags as HWPT, vfio_defines as V } from "../structs/index.js";
import type { BenchRow } from "./row.js";

const DEVICES = 10_000;
/** devices per program, which needs a file descriptor for each */
const EACH = 1000;
const PASIDS = 100_000;

interface Raw {
	iommus: unknown[];
	kernel: unknown;
}

/** A VT-d machine of many functions, each its own group, the first with PASIDs. */
function manyDevices() {
	const { iommus, kernel } = BUILTIN_MACHINES.vtd as Raw;
	const hex = (n: number) => n.toString(16).padStart(2, "0");
	const devices = Array.from({ length: DEVICES }, (_, i) => ({
		bdf: `0000:${hex(i >> 8)}:${hex((i >> 3) & 31)}.${i & 7}`,
		iommu: "dmar0",
		acs: true,
		...(i === 0 ? { pasid_width: 20, ats: true, pri: 32 } : {}),
	}));
	return checkMachine({ name: "many", kernel, iommus, devices });
}

function milliseconds(work: () => void): number {
	const start = performance.now();
	work();
	return performance.now() - start;
}

/** Microseconds for one of `count` steps, averaged over the first and the last tenth. */
function firstAndLast(count: number, one: (i: number) => void): { first: number; last: number } {
	const tenth = count / 10;
	const at = (from: number) =>
		(milliseconds(() => {
			for (let i = from; i < from + tenth; i++) one(i);
		}) *
			1000) /
		tenth;
	const first = at(0);
	for (let i = tenth; i < count - tenth; i++) one(i);
	return { first, last: at(count - tenth) };
}

/** Attaches every device of a machine, with as many programs as that takes. */
function attachDevices(): { first: number; last: number } {
	const sim = createSim({ machine: manyDevices() });
	let process = sim.newProcess();
	// the machine is made when its first device is opened, which is measured separately
	process.close(process.open("/dev/vfio/devices/vfio0"));
	let fd = -1;
	let ioas = 0;
	return firstAndLast(DEVICES, (i) => {
		if (i % EACH === 0) {
			process = sim.newProcess();
			fd = process.open("/dev/iommu");
			ioas = iommuOn(process, fd).ioasAlloc().decoded.out_ioas_id;
		}
		const device = iommuOn(process, process.open(`/dev/vfio/devices/vfio${i}`));
		const bound = device.deviceBind({ iommufd: fd });
		const attached = device.deviceAttach({ pt_id: ioas });
		if (bound.errno !== 0 || attached.errno !== 0) throw new Error(`device ${i}: errno ${bound.errno || attached.errno}`);
	});
}

/** Attaches all PASIDs of one device to one page table, and measures how long it takes to detach them (ms). */
function attachPasids(): { first: number; last: number; detached: number } {
	const process = createSim({ machine: manyDevices() }).newProcess();
	const fd = process.open("/dev/iommu");
	const iommu = iommuOn(process, fd);
	const device = iommuOn(process, process.open("/dev/vfio/devices/vfio0"));
	const { out_devid: dev_id } = device.deviceBind({ iommufd: fd }).decoded;
	const { out_ioas_id: pt_id } = iommu.ioasAlloc().decoded;
	const hwpt = iommu.hwptAlloc({ dev_id, pt_id, flags: HWPT.IOMMU_HWPT_ALLOC_PASID }).decoded.out_hwpt_id;
	const attached = firstAndLast(PASIDS, (i) => {
		const { errno } = device.deviceAttach({ flags: V.VFIO_DEVICE_ATTACH_PASID, pt_id: hwpt, pasid: i + 1 });
		if (errno !== 0) throw new Error(`PASID ${i + 1}: errno ${errno}`);
	});
	const detached = milliseconds(() => {
		for (let i = 1; i <= PASIDS; i++) device.deviceDetach({ flags: V.VFIO_DEVICE_DETACH_PASID, pasid: i });
	});
	return { ...attached, detached };
}

/** Measures attaching the first and the last of many devices and PASIDs. */
export async function run(): Promise<BenchRow[]> {
	// a warm-up run, so that the first ones do not pay for the compiler
	attachDevices();
	attachPasids();
	const built = milliseconds(() => {
		const process = createSim({ machine: manyDevices() }).newProcess();
		process.close(process.open("/dev/vfio/devices/vfio0"));
	});
	const attach = attachDevices();
	const pasids = attachPasids();
	return [
		{ name: `a machine of ${DEVICES} devices`, value: built, unit: "ms" },
		{
			name: `open, bind and attach, the last of ${DEVICES} devices`,
			value: attach.last,
			unit: "us",
			baseline: { name: "the first of them", value: attach.first },
			limit: "no slower (at most twice)",
		},
		{
			name: `attach, the last of ${PASIDS} PASIDs`,
			value: pasids.last,
			unit: "us",
			baseline: { name: "the first of them", value: pasids.first },
			limit: "no slower (at most twice)",
		},
		{ name: `detach ${PASIDS} PASIDs`, value: pasids.detached, unit: "ms" },
	];
}
