/** Benchmark: mapping, faults, events and dirty bitmaps of the simulated kernel. */
import { type Iommu, iommuOn } from "../src/client/iommu.js";
import { createSim, type SimProcess } from "../src/sim/index.js";
import { BUILTIN_MACHINES, checkMachine } from "../src/sim/vendors/machines.js";
import {
	defines,
	iommu_hwpt_pgfault as FAULT,
	iommufd_hwpt_alloc_flags as HWPT,
	type Ioctl,
	ioctls,
	iommu_hwpt_selftest,
	iommufd_ioas_map_flags as MAP,
	iommu_test_op as OP,
	iommu_hwpt_page_response as RESPONSE,
} from "../structs/index.js";
import type { BenchRow } from "./row.js";

const PAGE = 4096n;
const MILLION = 1_000_000;
const RW = MAP.IOMMU_IOAS_MAP_WRITEABLE | MAP.IOMMU_IOAS_MAP_READABLE;
const FIXED = MAP.IOMMU_IOAS_MAP_FIXED_IOVA;
const TIB = 1n << 40n;

/** A program with /dev/iommu open. */
class Program {
	readonly process: SimProcess;
	readonly fd: number;
	readonly iommu: Iommu;

	constructor(machine?: string) {
		this.process = createSim(machine === undefined ? {} : { machine: checkMachine(BUILTIN_MACHINES[machine]) }).newProcess();
		this.fd = this.process.open("/dev/iommu");
		this.iommu = iommuOn(this.process, this.fd);
	}

	/** A call that reuses its struct; fields that change between calls are written through `view`. */
	prepare(ioctl: Ioctl, fields: object): { view: DataView; call: () => void } {
		const { process, fd } = this;
		const bytes: Uint8Array = ioctl.struct?.encode({ size: ioctl.size, ...fields }) ?? new Uint8Array();
		const call = () => {
			const rc = process.ioctl(fd, ioctl.request, bytes);
			if (rc < 0) throw new Error(`${ioctl.name}: errno ${-rc}`);
		};
		return { view: new DataView(bytes.buffer), call };
	}

	mmap(length: bigint): bigint {
		const addr = this.process.mmap({ addr: 0n, length, prot: 3 });
		if (addr < 0n) throw new Error(`mmap: errno ${-addr}`);
		return addr;
	}

	poke(bytes: Uint8Array): bigint {
		const addr = this.mmap(BigInt(bytes.length));
		this.process.poke(addr, bytes);
		return addr;
	}
}

function seconds(work: () => void): number {
	const start = performance.now();
	work();
	return (performance.now() - start) / 1000;
}

/** Microseconds for one MAP and one UNMAP in an IOAS with `present` areas: the best of several rounds. */
function mapping(present: number): { fixedMap: number; fixedUnmap: number; map: number; unmap: number } {
	const program = new Program();
	const ioas = program.iommu.ioasAlloc().decoded.out_ioas_id;
	const memory = program.mmap(BigInt(Math.max(present, 1000)) * PAGE);
	const at = ioctls.IOMMU_IOAS_MAP.struct.offsets;
	const fields = { ioas_id: ioas, length: PAGE };
	const fixed = program.prepare(ioctls.IOMMU_IOAS_MAP, { ...fields, flags: RW | FIXED });
	const anywhere = program.prepare(ioctls.IOMMU_IOAS_MAP, { ...fields, user_va: memory, flags: RW });
	const gone = program.prepare(ioctls.IOMMU_IOAS_UNMAP, fields);
	const goneAt = ioctls.IOMMU_IOAS_UNMAP.struct.offsets.iova;
	/** Areas are on every second page, in random order, so that there are holes everywhere. */
	const scatter = (i: number) => (i * 7919) % present;
	const mapAt = (i: number, iova: bigint) => {
		fixed.view.setBigUint64(at.user_va, memory + BigInt(i) * PAGE, true);
		fixed.view.setBigUint64(at.iova, iova, true);
		fixed.call();
	};
	const unmapAt = (iova: bigint) => {
		gone.view.setBigUint64(goneAt, iova, true);
		gone.call();
	};
	for (let i = 0; i < present; i++) mapAt(scatter(i), BigInt(2 * scatter(i) + 1) * PAGE);
	const best = { fixedMap: Infinity, fixedUnmap: Infinity, map: Infinity, unmap: Infinity };
	const count = 500;
	const holes = Array.from({ length: count }, (_, i) => BigInt(2 * ((i * 104_729) % present) + 2) * PAGE);
	const taken: bigint[] = [];
	const note = (what: keyof typeof best, work: () => void) => {
		best[what] = Math.min(best[what], (seconds(work) / count) * 1e6);
	};
	for (let round = 0; round < 400; round++) {
		note("fixedMap", () => {
			for (let i = 0; i < count; i++) mapAt(i, holes[i]);
		});
		note("fixedUnmap", () => {
			for (const iova of holes) unmapAt(iova);
		});
		taken.length = 0;
		note("map", () => {
			for (let i = 0; i < count; i++) {
				anywhere.call();
				taken.push(anywhere.view.getBigUint64(at.iova, true));
			}
		});
		note("unmap", () => {
			for (const iova of taken) unmapAt(iova);
		});
	}
	return best;
}

function mappingRows(): BenchRow[] {
	const few = mapping(1000);
	const many = mapping(MILLION);
	const names = { fixedMap: "MAP at a fixed IOVA", fixedUnmap: "UNMAP of it", map: "MAP anywhere", unmap: "UNMAP of that" };
	const limit = "at most twice";
	return (Object.keys(names) as (keyof typeof names)[]).map((key) => ({
		name: `${names[key]}, a million areas present`,
		value: many[key],
		unit: "µs",
		baseline: { name: "with a thousand", value: few[key] },
		limit,
	}));
}

const made = (answer: { ret: number; errno: number }): void => {
	if (answer.ret < 0) throw new Error(`errno ${answer.errno}`);
};

/** A mock device on a page table of its own with these flags. */
function mockDevice(program: Program, flags: number, faultQueue = 0): { ioas: number; device: number; stdev: number; hwpt: number } {
	const { iommu } = program;
	const ioas = iommu.ioasAlloc().decoded.out_ioas_id;
	const mock = iommu.testCmd({ op: OP.IOMMU_TEST_OP_MOCK_DOMAIN, id: ioas });
	made(mock);
	const { out_idev_id: device, out_stdev_id: stdev } = mock.decoded.mock_domain;
	const table = iommu.hwptAlloc({ dev_id: device, pt_id: ioas, flags, fault_id: faultQueue });
	made(table);
	return { ioas, device, stdev, hwpt: table.decoded.out_hwpt_id };
}

function attach(program: Program, stdev: number, hwpt: number): void {
	made(program.iommu.testCmd({ op: OP.IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE, id: stdev, mock_domain_replace: { pt_id: hwpt } }));
}

/** Page faults per second: triggered, read and answered, `count` at a time. */
function faults(atATime: number): number {
	const program = new Program();
	const { process } = program;
	const queue = program.iommu.faultQueueAlloc().decoded;
	const { device, stdev, hwpt } = mockDevice(program, HWPT.IOMMU_HWPT_FAULT_ID_VALID, queue.out_fault_id);
	attach(program, stdev, hwpt);
	const trigger = program.prepare(ioctls.IOMMU_TEST_CMD, {
		op: OP.IOMMU_TEST_OP_TRIGGER_IOPF,
		trigger_iopf: { dev_id: device, grpid: 1, perm: 3, addr: 0x1000n },
	});
	const batch = Math.min(atATime, 256);
	const read = new Uint8Array(batch * FAULT.size);
	const words = new DataView(read.buffer);
	const responses = new Uint8Array(batch * RESPONSE.size);
	const out = new DataView(responses.buffer);
	const took = seconds(() => {
		for (let done = 0; done < MILLION; ) {
			for (let i = 0; i < atATime; i++) trigger.call();
			for (let ret = process.read(queue.out_fault_fd, read); ret > 0; ret = process.read(queue.out_fault_fd, read)) {
				const count = ret / FAULT.size;
				for (let i = 0; i < count; i++)
					out.setUint32(i * RESPONSE.size, words.getUint32(i * FAULT.size + FAULT.offsets.cookie, true), true);
				const written = process.write(queue.out_fault_fd, responses.subarray(0, count * RESPONSE.size));
				if (written !== count * RESPONSE.size) throw new Error(`answering faults: ${written}`);
				done += count;
			}
		}
	});
	return MILLION / took;
}

/** Virtual events per second: raised and read, `count` at a time. */
function events(atATime: number): number {
	const program = new Program();
	const { process, iommu } = program;
	const { device, stdev, hwpt } = mockDevice(program, HWPT.IOMMU_HWPT_ALLOC_NEST_PARENT);
	const viommu = iommu.viommuAlloc({ type: defines.IOMMU_VIOMMU_TYPE_SELFTEST, dev_id: device, hwpt_id: hwpt }).decoded.out_viommu_id;
	made(iommu.vdeviceAlloc({ viommu_id: viommu, dev_id: device, virt_id: 7n }));
	const data = program.poke(iommu_hwpt_selftest.encode({ iotlb: 1 }));
	const nested = iommu.hwptAlloc({
		dev_id: device,
		pt_id: viommu,
		data_type: defines.IOMMU_HWPT_DATA_SELFTEST,
		data_len: iommu_hwpt_selftest.size,
		data_uptr: data,
	});
	attach(program, stdev, nested.decoded.out_hwpt_id);
	const queue = iommu.veventqAlloc({ viommu_id: viommu, type: defines.IOMMU_VEVENTQ_TYPE_SELFTEST, veventq_depth: 1 << 19 });
	made(queue);
	const trigger = program.prepare(ioctls.IOMMU_TEST_CMD, {
		op: OP.IOMMU_TEST_OP_TRIGGER_VEVENT,
		trigger_vevent: { dev_id: device },
	});
	const read = new Uint8Array(4096);
	let bytes = 0;
	const took = seconds(() => {
		for (let done = 0; done < MILLION; done += atATime) {
			for (let i = 0; i < atATime; i++) trigger.call();
			for (let ret = 1; ret > 0; ) bytes += ret = process.read(queue.decoded.out_veventq_fd, read);
		}
	});
	if (bytes !== MILLION * 12) throw new Error(`${bytes} bytes of events`);
	return MILLION / took;
}

/** Maps 1 TiB for a device that writes to a few of its pages: what mapping, tracking and reading the bitmap cost. */
function terabyte(): BenchRow[] {
	const program = new Program("vtd");
	const { iommu, process: guest } = program;
	const device = guest.open("/dev/vfio/devices/vfio0");
	const vfio = iommuOn(guest, device);
	const dev = vfio.deviceBind({ iommufd: program.fd }).decoded.out_devid;
	const ioas = iommu.ioasAlloc().decoded.out_ioas_id;
	const table = iommu.hwptAlloc({ dev_id: dev, pt_id: ioas, flags: HWPT.IOMMU_HWPT_ALLOC_DIRTY_TRACKING });
	made(table);
	const hwpt = table.decoded.out_hwpt_id;
	made(vfio.deviceAttach({ pt_id: hwpt }));
	const before = process.memoryUsage();
	const user_va = program.mmap(TIB);
	const map = milliseconds(() => made(iommu.ioasMap({ ioas_id: ioas, length: TIB, user_va, iova: TIB, flags: RW | FIXED })));
	const fields = { hwpt_id: hwpt, iova: TIB, length: TIB, page_size: PAGE };
	made(iommu.hwptSetDirtyTracking({ hwpt_id: hwpt, flags: 1 }));
	const pages = 100;
	for (let i = 0n; i < pages; i++) guest.dma(device, "write", TIB + (TIB / BigInt(pages)) * i, 64, 0);
	const data = program.mmap(TIB / PAGE / 8n);
	const read = milliseconds(() => made(iommu.hwptGetDirtyBitmap({ ...fields, data })));
	const again = milliseconds(() => made(iommu.hwptGetDirtyBitmap({ ...fields, data })));
	const unmap = milliseconds(() => made(iommu.ioasUnmap({ ioas_id: ioas, iova: TIB, length: TIB })));
	const { rss, arrayBuffers } = process.memoryUsage();
	if (dirtyPages(guest, data) !== pages) throw new Error("not the pages that were written");
	const grown = (Math.max(rss - before.rss, 0) + Math.max(arrayBuffers - before.arrayBuffers, 0)) / 2 ** 20;
	const limit = "milliseconds";
	return [
		{ name: "MAP of 1 TiB for a device", value: map, unit: "ms", limit },
		{ name: `dirty bitmap of 1 TiB, ${pages} pages dirty`, value: read, unit: "ms", limit },
		{ name: "the same, none dirty", value: again, unit: "ms", limit },
		{ name: "UNMAP of 1 TiB", value: unmap, unit: "ms", limit },
		{ name: "memory that all of this took", value: grown, unit: "MiB", limit: "follows the pages touched" },
	];
}

/** Counts the bits of the bitmap, looking only at its pages that were touched. */
function dirtyPages(guest: SimProcess, data: bigint): number {
	let count = 0;
	const bytes = new Uint8Array(8);
	const bits = TIB / PAGE;
	for (let i = 0n; i < 100n; i++) {
		const at = ((TIB / 100n) * i) / PAGE;
		guest.peek(data + ((at / 8n) & ~7n), bytes);
		const word = new DataView(bytes.buffer).getBigUint64(0, true);
		if (at < bits) count += Number((word >> (at % 64n)) & 1n);
	}
	return count;
}

function milliseconds(work: () => void): number {
	return seconds(work) * 1000;
}

/** Measures the simulated kernel: mapping, faults, events, dirty bitmaps. */
export async function run(): Promise<BenchRow[]> {
	const limit = "at least 300,000";
	const rate = (name: string, value: number): BenchRow => ({ name, value, unit: "per second", limit });
	return [
		...mappingRows(),
		rate("page faults, one after another", faults(1)),
		rate("page faults, a million at once", faults(MILLION)),
		rate("virtual events, one after another", events(1)),
		rate("virtual events, 100,000 at once", events(100_000)),
		...terabyte(),
	];
}
