/** Tests of the import of QEMU's trace events. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { importQemu } from "../../../src/trace/import/qemu.js";
import { parseQemu } from "../../../src/trace/import/qemu-parse.js";
import { stepLine } from "../../../src/trace/tools/show.js";

const told = (...lines: string[]) => {
	const { steps, skipped } = importQemu(lines.join("\n"));
	return { steps, lines: steps.map((step) => stepLine(step)), skipped: skipped.map(({ line, why }) => `${line}: ${why}`) };
};

describe("the lines of a log", () => {
	it("are events with or without a time, in syslog and ftrace, and as simpletrace.py prints them", () => {
		const map = "iommufd_backend_map_dma  iommufd=7 ioas=1 iova=0x1000 size=0x2000 addr=(nil) readonly=1 (-22)";
		const found = parseQemu(
			[
				map,
				`12@1700000000.5:${map}`,
				`Oct  1 12:00:00 host qemu[12]: ${map}`,
				`qemu-1234 [001] .... 55.1: tracing_mark_write: ${map}`,
				"iommufd_backend_map_dma 0.123 pid=12 iommufd=0x7 ioas=0x1 iova=0x1000 size=0x2000 vaddr=0x0 readonly=0x1 ret=0xffffffea",
				"something else iommufd=3",
			].join("\n"),
		);
		expect(found.map(({ line }) => line)).toEqual([1, 2, 3, 4, 5]);
		for (const { name, values, ret } of found) {
			expect(name).toBe("iommufd_backend_map_dma");
			expect(["iommufd", "ioas", "iova", "size", "addr", "readonly"].map((one) => values.get(one))).toEqual([
				7n,
				1n,
				0x1000n,
				0x2000n,
				0n,
				1n,
			]);
			expect(ret).toBe(-22);
		}
		expect(found.map(({ time }) => time)).toEqual([undefined, 1700000000500000, undefined, undefined, undefined]);
	});
});

describe("trace import --qemu", () => {
	it("takes files, devices, mappings and objects with their answers, as QEMU 10 tells them", () => {
		const { lines, skipped, steps } = told(readFileSync("test/fixtures/import/qemu-10.log", "utf8"));
		expect(lines).toEqual([
			'open("/dev/iommu") = iommu1',
			'open("/dev/vfio/devices/vfio0") = vfio1',
			"ioctl(vfio1, VFIO_DEVICE_BIND_IOMMUFD, {iommufd=iommu1}) = 0 {out_devid=1}",
			"ioctl(iommu1, IOMMU_IOAS_ALLOC, {}) = 0 {out_ioas_id=2}",
			"ioctl(iommu1, IOMMU_HWPT_ALLOC, {flags=ALLOC_DIRTY_TRACKING dev_id=1 pt_id=2}) = 0 {out_hwpt_id=3}",
			"ioctl(vfio1, VFIO_DEVICE_ATTACH_IOMMUFD_PT, {pt_id=3}) = 0 {pt_id=0}",
			"mmap(0x7f5a40000000, length 655360, rw)",
			"ioctl(iommu1, IOMMU_IOAS_MAP, {flags=FIXED_IOVA|WRITEABLE|READABLE ioas_id=2 user_va=0x7f5a40000000 length=0xa0000}) = 0",
			"mmap(0x7f5a400c0000, length 65536, r)",
			"ioctl(iommu1, IOMMU_IOAS_MAP, {flags=FIXED_IOVA|READABLE ioas_id=2 user_va=0x7f5a400c0000 length=0x10000 iova=0xc0000}) = 0",
			"ioctl(iommu1, IOMMU_IOAS_MAP, {flags=FIXED_IOVA|WRITEABLE|READABLE ioas_id=2 user_va=0x7f5b00000000 length=0x1000 iova=0xfe000000}) = -1 EFAULT",
			"memfd(length 2101248) = memfd1",
			"ioctl(iommu1, IOMMU_IOAS_MAP_FILE, {flags=FIXED_IOVA|WRITEABLE|READABLE ioas_id=2 start=0x1000 length=0x200000 iova=0x100000000 fd=memfd1}) = 0",
			"ioctl(iommu1, IOMMU_HWPT_SET_DIRTY_TRACKING, {flags=IOMMU_HWPT_DIRTY_TRACKING_ENABLE hwpt_id=3}) = 0",
			"ioctl(iommu1, IOMMU_IOAS_UNMAP, {ioas_id=2 iova=0x80000000 length=0x1000}) = -1 ENOENT {length=0}",
			"ioctl(iommu1, IOMMU_IOAS_UNMAP, {ioas_id=2 iova=0xc0000 length=0x10000}) = 0 {length=0}",
			"ioctl(vfio1, VFIO_DEVICE_RESET, 0) = 0",
			"ioctl(vfio1, VFIO_DEVICE_DETACH_IOMMUFD_PT, {}) = 0",
			"ioctl(iommu1, IOMMU_DESTROY, {id=3}) = 0",
			"close(vfio1)",
			"ioctl(iommu1, IOMMU_DESTROY, {id=2}) = 0",
			"close(iommu1)",
		]);
		expect(skipped).toEqual([
			"12: it failed, and the log does not say why",
			"15: the log does not have the address of its bitmap",
			"18: the log has only the address of its data",
			"19: the log has only the address of its entries",
		]);
		expect(steps.slice(0, 3).map(({ time }) => time)).toEqual([0, 100, 200]);
		expect(steps.filter((step) => "masked" in step).map((step) => step.op === "ioctl" && step.masked)).toEqual([
			["pt_id"],
			["length"],
			["length"],
		]);
	});

	it("takes QEMU 9's lines, virtual IOMMUs and file handed over, and maps memory once", () => {
		const { lines, skipped } = told(
			"iommu_backend_set_fd pre-opened /dev/iommu fd=5",
			"iommufd_backend_connect fd=5 owned=0 users=1 (0)",
			"iommufd_backend_alloc_ioas  iommufd=5 ioas=2 (0)",
			"iommufd_backend_map_dma  iommufd=5 ioas=2 iova=0x0 size=0x3000 addr=0x7f0000001000 readonly=0 (0)",
			"iommufd_backend_map_dma  iommufd=5 ioas=2 iova=0x10000 size=0x4000 addr=0x7f0000000800 readonly=0 (0)",
			"iommufd_backend_alloc_viommu  iommufd=5 type=1 dev_id=1 hwpt_id=4 viommu_id=6 (0)",
			"iommufd_backend_alloc_vdev  iommufd=5 dev_id=1 viommu_id=6 virt_id=0x80 vdev_id=7 (0)",
			"iommufd_viommu_alloc_eventq  iommufd=5 viommu_id=6 type=1 veventq_id=8 veventq_fd=30 (0)",
			"iommufd_backend_free_id  iommufd=5 id=7 (-16)",
			"iommufd_cdev_attach_ioas_hwpt  [iommufd=5] Successfully attached device 0000:01:00.0 (9) to id=2",
			"iommufd_change_process fd=5 (1)",
			"iommufd_change_process fd=5 (0)",
			"iommufd_backend_free_id  iommufd=5 (0)",
			"iommufd_something_new  iommufd=5 (0)",
		);
		expect(lines).toEqual([
			'open("/dev/iommu") = iommu1',
			"ioctl(iommu1, IOMMU_IOAS_ALLOC, {}) = 0 {out_ioas_id=2}",
			"mmap(0x7f0000001000, length 12288, rw)",
			"ioctl(iommu1, IOMMU_IOAS_MAP, {flags=FIXED_IOVA|WRITEABLE|READABLE ioas_id=2 user_va=0x7f0000001000 length=0x3000}) = 0",
			"mmap(0x7f0000000000, length 4096, rw)",
			"mmap(0x7f0000004000, length 4096, rw)",
			"ioctl(iommu1, IOMMU_IOAS_MAP, {flags=FIXED_IOVA|WRITEABLE|READABLE ioas_id=2 user_va=0x7f0000000800 length=0x4000 iova=0x10000}) = 0",
			"ioctl(iommu1, IOMMU_VIOMMU_ALLOC, {type=ARM_SMMUV3 dev_id=1 hwpt_id=4}) = 0 {out_viommu_id=6}",
			"ioctl(iommu1, IOMMU_VDEVICE_ALLOC, {viommu_id=6 dev_id=1 virt_id=0x80}) = 0 {out_vdevice_id=7}",
			"ioctl(iommu1, IOMMU_DESTROY, {id=7}) = -1 EBUSY",
			"ioctl(iommu1, IOMMU_IOAS_CHANGE_PROCESS, {}) = 0",
		]);
		expect(skipped).toEqual([
			"8: the log does not have its depth",
			"10: the log does not say which file 0000:01:00.0 has",
			"12: it failed, and the log does not say why",
			"13: the line does not have id",
			"14: this event is not known",
		]);
	});
});
