/** Tests the simulated kernel with the uAPI of older releases. */
import { describe, expect, test } from "vitest";
import { E2BIG, EFAULT, EINVAL, ENOENT, ENOTTY, EOPNOTSUPP } from "../../../src/kernel/errno.js";
import { createSim, loadMachine } from "../../../src/sim/index.js";
import { answered, flags, growth, values } from "../../../src/sim/uapi/table.js";
import {
	type Ioctl,
	ioctlByName,
	ioctls,
	iommu_hw_info,
	iommu_hwpt_alloc,
	iommu_hwpt_data_type,
	iommu_ioas_alloc,
	iommufd_hw_capabilities,
	iommufd_hwpt_alloc_flags,
	type StructType,
	setInfo,
} from "../../../structs/index.js";

const { IOMMU_HWPT_ALLOC_NEST_PARENT: NEST, IOMMU_HWPT_ALLOC_PASID: PASID } = iommufd_hwpt_alloc_flags;
const calls = Object.values<Ioctl>(ioctls).filter(({ name }) => name.startsWith("IOMMU_"));

/** A program on a kernel of that release, with an IOAS and a bound device of the machine. */
async function program(release: string | undefined, machineName = "vtd") {
	const machine = await loadMachine(machineName);
	const process = createSim({ machine, uapi: release === undefined ? [] : [release] }).newProcess();
	const fd = process.open("/dev/iommu");
	const call = (name: keyof typeof ioctls, bytes: Uint8Array): number => process.ioctl(fd, ioctls[name].request, bytes);
	const ioas = iommu_ioas_alloc.encode({ size: 12 });
	expect(call("IOMMU_IOAS_ALLOC", ioas)).toBe(0);
	return { process, fd, call, ioas: iommu_ioas_alloc.decode(ioas).out_ioas_id };
}

function bind(process: Awaited<ReturnType<typeof program>>["process"], fd: number, number = 0): { device: number; id: number } {
	const device = process.open(`/dev/vfio/devices/vfio${number}`);
	const struct = ioctls.VFIO_DEVICE_BIND_IOMMUFD.struct;
	const bytes = struct.encode({ argsz: struct.size, iommufd: fd });
	expect(process.ioctl(device, ioctls.VFIO_DEVICE_BIND_IOMMUFD.request, bytes)).toBe(0);
	return { device, id: struct.decode(bytes).out_devid };
}

describe("what an older release lacks of VFIO", () => {
	test("is named: device files, and flags of their calls", async () => {
		const early = await program("6.2");
		expect(early.process.open("/dev/vfio/devices/vfio0")).toBe(-ENOENT);
		expect(early.process.why(-ENOENT)).toMatchObject({
			check: "open.node-too-new",
			text: "there is no /dev/vfio/devices/vfio0: device files came with Linux 6.6, and this kernel is 6.2",
		});
		const later = await program("6.12");
		const { device } = bind(later.process, later.fd);
		const { request, struct } = ioctls.VFIO_DEVICE_ATTACH_IOMMUFD_PT;
		expect(later.process.ioctl(device, request, struct.encode({ argsz: struct.size, flags: 1, pt_id: 1, pasid: 1 }))).toBe(-EINVAL);
		expect(later.process.why(-EINVAL)).toMatchObject({
			check: "vfio-device-attach-iommufd-pt.flags-too-new",
			text: "flags is 0x1, and Linux 6.12 knows none in this call",
		});
	});
});

describe("the table", () => {
	test("names only calls, fields and constants that exist", () => {
		for (const { call, field, names } of [...flags, ...values]) {
			const struct = ioctlByName(call)?.struct as StructType;
			const { set } = struct.leaves.find(({ path }) => path === field) ?? {};
			const known = setInfo(set ?? {}).entries.map(([name]) => name);
			expect(known).toEqual(expect.arrayContaining([...names]));
		}
		for (const { call, field } of answered) {
			const struct = ioctlByName(call)?.struct as StructType;
			expect(struct.leaves.map(({ path }) => path)).toContain(field);
		}
	});

	test("the first size of a struct is its call's minimum, the last is that of 7.3, and each is the end of a field", () => {
		for (const { call, sizes } of growth) {
			const ioctl = ioctlByName(call) as Ioctl;
			const ends = (ioctl.struct as StructType).leaves.map(({ offset, size }) => offset + size);
			expect(sizes[0]).toEqual([ioctl.since, ioctl.minSize]);
			expect(sizes.at(-1)?.[1]).toBe(ioctl.size);
			for (const [, size] of sizes) expect(ends).toContain(size);
		}
	});
});

describe("which calls a kernel knows", () => {
	test.each([
		["6.2", ["IOMMU_IOAS_ALLOC", "IOMMU_VFIO_IOAS"], ["IOMMU_HWPT_ALLOC", "IOMMU_GET_HW_INFO"]],
		["6.6", ["IOMMU_HWPT_ALLOC", "IOMMU_GET_HW_INFO"], ["IOMMU_HWPT_SET_DIRTY_TRACKING", "IOMMU_HWPT_INVALIDATE"]],
		["6.12", ["IOMMU_FAULT_QUEUE_ALLOC", "IOMMU_HWPT_INVALIDATE"], ["IOMMU_VIOMMU_ALLOC", "IOMMU_IOAS_MAP_FILE"]],
		["6.17", ["IOMMU_HW_QUEUE_ALLOC", "IOMMU_VEVENTQ_ALLOC"], ["IOMMU_IOAS_NOIOMMU_GET_PA"]],
		["7.3", calls.filter(({ name }) => name !== "IOMMU_TEST_CMD").map(({ name }) => name), []],
	])("%s", async (release, known, unknown) => {
		const { process, fd } = await program(release);
		const answer = (name: string): number => process.ioctl(fd, ioctlByName(name)?.request ?? 0, new Uint8Array(128));
		for (const name of known) expect(`${name} ${answer(name)}`).toBe(`${name} ${-EINVAL}`);
		for (const name of unknown) expect(`${name} ${answer(name)}`).toBe(`${name} ${-ENOTTY}`);
	});

	test.each(["6.1", "6.20", "7.5", "5.19", "6", "6.2.1", "6.x"])("%s is not a release with iommufd", (release) => {
		expect(() => createSim({ uapi: [release] })).toThrow(/is not a release with iommufd/);
	});
});

test("behind the last command of a release nothing is read", async () => {
	const { process, fd } = await program("6.12");
	expect(process.ioctl(fd, ioctls.IOMMU_HWPT_INVALIDATE.request, 0x10n)).toBe(-EFAULT);
	expect(process.ioctl(fd, ioctls.IOMMU_VIOMMU_ALLOC.request, 0x10n)).toBe(-ENOTTY);
	const now = await program("7.3");
	expect(now.process.ioctl(now.fd, ioctls.IOMMU_VIOMMU_ALLOC.request, 0x10n)).toBe(-EFAULT);
});

describe("a struct that grew", () => {
	test.each([
		["6.6", 24, 0],
		["6.6", 40, 0],
		["6.6", 48, 0],
		["6.10", 48, 0],
		["7.3", 48, 0],
	])("%s takes %i bytes if the part it does not know is zero", async (release, size, expected) => {
		const { process, fd, call, ioas } = await program(release);
		const { id } = bind(process, fd);
		const bytes = iommu_hwpt_alloc.encode({ size, dev_id: id, pt_id: ioas });
		expect(call("IOMMU_HWPT_ALLOC", bytes)).toBe(expected);
		expect(iommu_hwpt_alloc.decode(bytes).out_hwpt_id).toBeGreaterThan(0);
	});

	test.each([
		// fault_id without its flag is ignored where the field is known
		["6.6", { fault_id: 9 }, -E2BIG],
		["6.10", { fault_id: 9 }, -E2BIG],
		["6.11", { fault_id: 9 }, 0],
		["6.6", { data_type: 1, data_len: 8, data_uptr: 8n }, -E2BIG],
		["6.7", { data_type: iommu_hwpt_data_type.IOMMU_HWPT_DATA_ARM_SMMUV3, data_len: 8, data_uptr: 8n }, -EOPNOTSUPP],
		["6.6", { flags: NEST }, -EOPNOTSUPP],
		["6.7", { flags: NEST }, 0],
		["6.14", { flags: PASID }, -EOPNOTSUPP],
		["6.15", { flags: PASID }, 0],
	])("%s answers %o with %i", async (release, fields, expected) => {
		const { process, fd, call, ioas } = await program(release);
		const { id } = bind(process, fd);
		const bytes = iommu_hwpt_alloc.encode({ size: 48, dev_id: id, pt_id: ioas, ...fields });
		expect(call("IOMMU_HWPT_ALLOC", bytes)).toBe(expected);
	});

	test("fields that an older kernel does not report keep the caller's value or are zero", async () => {
		const ask = async (release: string) => {
			const { process, fd, call } = await program(release);
			const bytes = iommu_hw_info.encode({ size: 40, dev_id: bind(process, fd, 3).id });
			expect(call("IOMMU_GET_HW_INFO", bytes)).toBe(0);
			return iommu_hw_info.decode(bytes);
		};
		const now = await ask("7.3");
		expect(now.out_max_pasid_log2).toBeGreaterThan(0);
		expect(now.out_capabilities).toBeGreaterThan(0n);
		expect(await ask("6.6")).toMatchObject({ out_max_pasid_log2: 0, out_capabilities: 0n, out_data_type: now.out_data_type });
		const between = await ask("6.14");
		expect(between.out_max_pasid_log2).toBe(0);
		expect(between.out_capabilities).toBe(now.out_capabilities & BigInt(iommufd_hw_capabilities.IOMMU_HW_CAP_DIRTY_TRACKING));
	});
});

describe("VFIO's device files", () => {
	test("exist since 6.6, with PASIDs since 6.15", async () => {
		const old = await program("6.5");
		expect(old.process.open("/dev/vfio/devices/vfio0")).toBe(-ENOENT);
		for (const [release, expected] of [
			["6.14", -EINVAL],
			["6.15", -ENOENT],
		] as const) {
			const { process, fd } = await program(release);
			const { device } = bind(process, fd);
			const { struct, request } = ioctls.VFIO_DEVICE_ATTACH_IOMMUFD_PT;
			expect(process.ioctl(device, request, struct.encode({ argsz: struct.size, flags: 1, pt_id: 99, pasid: 1 }))).toBe(expected);
		}
	});
});

/** How a virtual machine monitor finds out what it can offer a guest. */
async function probe(release: string): Promise<string> {
	const { process, fd, call, ioas } = await program(release, "smmuv3");
	if (process.open("/dev/vfio/devices/vfio0") < 0) return "VFIO containers";
	const { id } = bind(process, fd);
	const info = iommu_hw_info.encode({ size: 40, dev_id: id });
	if (call("IOMMU_GET_HW_INFO", info) < 0) return "no hardware info";
	const parent = iommu_hwpt_alloc.encode({ size: 48, flags: NEST, dev_id: id, pt_id: ioas });
	const rc = call("IOMMU_HWPT_ALLOC", parent);
	if (rc === -EOPNOTSUPP || rc === -E2BIG) return "no nesting";
	const struct = ioctls.IOMMU_VIOMMU_ALLOC.struct;
	const viommu = struct.encode({ size: struct.size, type: 1, dev_id: id, hwpt_id: iommu_hwpt_alloc.decode(parent).out_hwpt_id });
	if (call("IOMMU_VIOMMU_ALLOC", viommu) === -ENOTTY) return "nesting without virtual IOMMUs";
	const queue = ioctls.IOMMU_VEVENTQ_ALLOC.struct;
	const events = queue.encode({ size: queue.size, viommu_id: struct.decode(viommu).out_viommu_id, type: 1, veventq_depth: 4 });
	return call("IOMMU_VEVENTQ_ALLOC", events) === -ENOTTY ? "virtual IOMMUs without events" : "everything";
}

describe("a monitor that probes", () => {
	test.each([
		["6.2", "VFIO containers"],
		["6.5", "VFIO containers"],
		["6.6", "no nesting"],
		["6.7", "nesting without virtual IOMMUs"],
		["6.12", "nesting without virtual IOMMUs"],
		["6.13", "virtual IOMMUs without events"],
		["6.14", "virtual IOMMUs without events"],
		["6.15", "everything"],
		["7.3", "everything"],
	])("on %s finds: %s", async (release, found) => {
		expect(await probe(release)).toBe(found);
	});
});
