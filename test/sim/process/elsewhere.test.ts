/** Tests that a process whose memory and descriptors are elsewhere is a caller like any other. */
import { expect, test } from "vitest";
import { EFAULT } from "../../../src/kernel/errno.js";
import { PROT_READ, PROT_WRITE, type Ret } from "../../../src/kernel/kernel.js";
import { createSim } from "../../../src/sim/index.js";
import { IntervalCounter } from "../../../src/sim/memory/interval-counter.js";
import type { MemoryObject } from "../../../src/sim/memory/memory-object.js";
import { userArg } from "../../../src/sim/memory/user-arg.js";
import { type Extent, pageOf, type UserMemory } from "../../../src/sim/memory/user-memory.js";
import type { Caller } from "../../../src/sim/process/caller.js";
import type { SimFile } from "../../../src/sim/process/file.js";
import { Reasons } from "../../../src/sim/why/reasons.js";
import {
	defines,
	ioctls,
	iommu_ioas_alloc,
	iommu_ioas_map,
	iommu_test_cmd,
	mock_access_rw,
	iommu_test_op as OP,
} from "../../../structs/index.js";

const BASE = 0x5000_0000n;
const PAGES = 4;

/** Another process's memory, which is only ever read and written by copying: one mapping at BASE. */
class RemoteMemory implements UserMemory, MemoryObject {
	readonly remote = Buffer.alloc(PAGES * 4096);
	readonly pages = PAGES;
	readonly kind = "anonymous";
	readonly pins = new IntervalCounter();
	onMapping = undefined;

	constructor(readonly frame: number) {}

	readAt(page: number, offset: number, into: Uint8Array, at: number, count: number): void {
		into.set(this.remote.subarray(page * 4096 + offset, page * 4096 + offset + count), at);
	}
	writeAt(page: number, offset: number, from: Uint8Array, at: number, count: number): void {
		this.remote.set(from.subarray(at, at + count), page * 4096 + offset);
	}
	clearAt(page: number, offset: number, count: number): void {
		this.remote.fill(0, page * 4096 + offset, page * 4096 + offset + count);
	}
	nextTouched(index: number): number {
		return index < PAGES ? index : Number.POSITIVE_INFINITY;
	}

	read(addr: bigint, into: Uint8Array): Ret {
		if (!this.accessible(addr, into.length, PROT_READ)) return -EFAULT;
		this.remote.copy(into, 0, Number(addr - BASE));
		return 0;
	}
	write(addr: bigint, from: Uint8Array): Ret {
		if (!this.accessible(addr, from.length, PROT_WRITE)) return -EFAULT;
		this.remote.set(from, Number(addr - BASE));
		return 0;
	}
	clear(addr: bigint, length: number): Ret {
		return this.write(addr, new Uint8Array(length));
	}
	scan(addr: bigint, length: number, visit: (offset: number, bytes: Uint8Array) => boolean): Ret {
		const bytes = new Uint8Array(length);
		const rc = this.read(addr, bytes);
		if (rc === 0) visit(0, bytes);
		return rc;
	}
	accessible(addr: bigint, length: number, _prot: number): boolean {
		return addr >= BASE && addr + BigInt(length) <= BASE + BigInt(PAGES * 4096);
	}
	extents(page: number, count: number): Extent[] {
		const first = page - pageOf(BASE);
		return first < 0 || first >= PAGES ? [] : [{ object: this, page: first, count: Math.min(count, PAGES - first) }];
	}
}

/** A process with descriptors from 100 on. */
class RemoteProcess implements Caller {
	readonly #files: SimFile[] = [];
	readonly reasons = new Reasons();

	constructor(readonly memory: RemoteMemory) {}

	file(fd: number): SimFile | undefined {
		return this.#files[fd - 100];
	}
	install(file: SimFile): Ret {
		return this.#files.push(file) + 99;
	}
	reserveFd(): Ret {
		return this.#files.length + 100;
	}
}

test("its memory is mapped, pinned, translated and copied to as a local process's is", () => {
	const sim = createSim();
	const memory = sim.physical.adopt(PAGES, (frame) => new RemoteMemory(frame));
	const process = new RemoteProcess(memory);
	const iommu = sim.open("/dev/iommu") as SimFile;

	// The argument of a call is in its memory too.
	const call = (request: number, bytes: Uint8Array): { ret: Ret; bytes: Buffer } => {
		const at = BASE + 3n * 4096n;
		memory.write(at, bytes);
		const ret = iommu.ioctl(process, request, userArg(memory, at));
		const back = Buffer.alloc(bytes.length);
		memory.read(at, back);
		return { ret, bytes: back };
	};

	const ioas = call(ioctls.IOMMU_IOAS_ALLOC.request, iommu_ioas_alloc.encode({ size: 12 }));
	expect(ioas.ret).toBe(0);
	const { out_ioas_id: ioas_id } = iommu_ioas_alloc.decode(ioas.bytes);
	const size = iommu_test_cmd.size;
	const testCall = (op: number, id: number, fields: Record<string, number | bigint>): { ret: Ret; bytes: Buffer } => {
		const bytes = iommu_test_cmd.encode({ size, op, id });
		const view = new DataView(bytes.buffer, bytes.byteOffset);
		for (const [path, value] of Object.entries(fields)) {
			const leaf = iommu_test_cmd.leaves.find((each) => each.path === path);
			if (leaf === undefined) throw new Error(path);
			if (leaf.size === 8) view.setBigUint64(leaf.offset, BigInt(value), true);
			else view.setUint32(leaf.offset, Number(value), true);
		}
		return call(ioctls.IOMMU_TEST_CMD.request, bytes);
	};
	const mock = testCall(OP.IOMMU_TEST_OP_MOCK_DOMAIN, ioas_id, {});
	expect(mock.ret).toBe(0);
	const hwpt = mock.bytes.readUInt32LE(iommu_test_cmd.offsets["mock_domain.out_hwpt_id"]);

	const iova = BigInt(defines.IOMMU_TEST_PASID_RESERVED) << 20n;
	const map = { size: iommu_ioas_map.size, flags: 7, ioas_id, user_va: BASE, length: 0x2000n, iova };
	expect(call(ioctls.IOMMU_IOAS_MAP.request, iommu_ioas_map.encode(map)).ret).toBe(0);
	expect(memory.pins.at(0)).toBe(1);
	expect(memory.pins.at(2)).toBe(0);
	const where = { "check_map.iova": iova, "check_map.length": 0x2000n, "check_map.uptr": BASE };
	expect(testCall(OP.IOMMU_TEST_OP_MD_CHECK_MAP, hwpt, where).ret).toBe(0);

	// An in-kernel user copies into it, page by page as DMA would.
	const access = testCall(OP.IOMMU_TEST_OP_CREATE_ACCESS, ioas_id, {});
	expect(access.ret).toBe(0);
	const fd = access.bytes.readUInt32LE(iommu_test_cmd.offsets["create_access.out_access_fd"]);
	expect(fd).toBe(100);
	memory.remote.write("from the device", 0x2000);
	const copy = {
		"access_rw.iova": iova + 0x10n,
		"access_rw.length": 15n,
		"access_rw.uptr": BASE + 0x2000n,
		"access_rw.flags": mock_access_rw.MOCK_ACCESS_RW_WRITE | mock_access_rw.MOCK_ACCESS_RW_SLOW_PATH,
	};
	expect(testCall(OP.IOMMU_TEST_OP_ACCESS_RW, fd, copy).ret).toBe(0);
	expect(memory.remote.toString("latin1", 0x10, 0x1f)).toBe("from the device");

	expect(testCall(OP.IOMMU_TEST_OP_MD_CHECK_MAP, hwpt, { ...where, "check_map.uptr": 0x1000n }).ret).toBe(-EFAULT);
	process.file(fd)?.put();
	iommu.put();
	expect(memory.pins.empty).toBe(true);
	expect(sim.contexts.size).toBe(0);
});
