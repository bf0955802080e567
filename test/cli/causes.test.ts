/** What a failure says beyond its errno: who holds, what is missing, which call it was. */
import { describe, expect, test } from "vitest";
import { documents, nested, script } from "./cli.js";

describe("EBUSY names the holder", () => {
	test.each([
		[
			"destroy $ioas",
			"destroy.in-use: ioas 1 is held by hwpt-paging 4, hwpt-paging 5: destroy selftest 2, then hwpt-nested 6, then hwpt-paging 5",
		],
		["destroy $parent", "destroy.in-use: hwpt-paging 5 is held by hwpt-nested 6: destroy hwpt-nested 6"],
		["destroy $device.idev_id", "destroy.in-use: device 3 is held by selftest 2: destroy selftest 2"],
		[
			"raw IOMMU_DESTROY id=1",
			"destroy.in-use: ioas 1 is held by hwpt-paging 4, hwpt-paging 5: destroy selftest 2, then hwpt-nested 6, then hwpt-paging 5",
		],
		[
			"option set RLIMIT_MODE 1",
			"option.rlimit-in-use: the context has 6 objects: ioas 1, selftest 2, device 3, hwpt-paging 4, hwpt-paging 5, hwpt-nested 6",
		],
	])("%s", (line, why) => {
		const { status, stdout } = script([...nested, `expect EBUSY ${line}`]);
		expect(stdout).toContain(`\n      why: ${why}\n`);
		expect(stdout).not.toContain("note:");
		expect(status).toBe(0);
	});

	test("a queue's own file", () => {
		const { stderr } = script(["queue = fault alloc", "destroy $queue"]);
		expect(stderr).toContain("why: destroy.in-use: fault 1 is held by its open file: close the file of fault 1\n");
	});

	test("a device's driver", () => {
		expect(script(["d = device bind vfio0", "destroy $d"], "--machine", "vtd").stderr).toContain(
			"why: destroy.in-use: device 1 is held by its driver: close the device's file\n",
		);
	});

	test("the hardware queue in a range", () => {
		const { stdout } = script([
			...nested.slice(0, 3),
			"viommu = viommu alloc $device.idev_id $parent --type SELFTEST",
			"ioas map $ioas --iova 0x1000000 --length 64k",
			"queue = hw-queue alloc $viommu --type SELFTEST --index 0 --nesting-parent-iova 0x1000000 --length 4k",
			"expect EBUSY ioas unmap $ioas --iova 0x1000000 --length 64k",
		]);
		expect(stdout).toMatch(/why: ioas-unmap.queue-holds: the area 0x1000000-0x100ffff is held by hw-queue \d+\n/);
	});

	test("in JSON", () => {
		const call = documents(script([...nested, "destroy $ioas"], "--json")).find(({ ok }) => ok === false);
		expect(call).toMatchObject({
			notes: [],
			why: {
				check: "destroy.in-use",
				text: "ioas 1 is held by hwpt-paging 4, hwpt-paging 5: destroy selftest 2, then hwpt-nested 6, then hwpt-paging 5",
			},
		});
	});
});

describe("an ENOENT of attaching", () => {
	const guest = [
		"i = ioas alloc",
		"d = device bind vfio0",
		"p = hwpt alloc $d $i --flags NEST_PARENT",
		"v = viommu alloc $d $p --type ARM_SMMUV3",
		"s1 = hwpt alloc $d $v --smmuv3 V=1,Config=5,S1ContextPtr=0x100000",
	];

	test("names the virtual device that is missing", () => {
		for (const line of ["device attach vfio0 $s1", "raw VFIO_DEVICE_ATTACH_IOMMUFD_PT pt_id=$s1 --on-device vfio0"]) {
			const { stderr } = script([...guest, line], "--machine", "smmuv3");
			expect(stderr).toContain(
				"why: vfio-device-attach-iommufd-pt.smmu-no-vdevice: 0000:00:10.0 has no vDEVICE in the vIOMMU of the page table, whose Config is stage 1\n",
			);
		}
	});

	test("says that there is no such object where there is none", () => {
		expect(script([...guest, "device attach vfio0 77"], "--machine", "smmuv3").stderr).toContain(
			"ENOENT (2): no object has the ID pt_id in this context",
		);
	});
});

describe("a size that is too small: the smallest that the call takes", () => {
	test.each([
		["vfio get-info --argsz 15", 16, ["i = ioas alloc", "vfio set-ioas $i"]],
		["device vfio-info vfio0 --argsz 15", 16, ["d = device bind vfio0"]],
		["device attach vfio0 1 --argsz 11", 12, ["d = device bind vfio0"]],
		["device detach vfio0 --argsz 7", 8, ["d = device bind vfio0"]],
	])("%s", (line, least, before) => {
		const { stdout, status } = script([...before, `expect EINVAL ${line}`], "--machine", "vtd");
		expect(stdout).toContain(`argsz is too small: this call takes at least ${least} bytes`);
		expect(status).toBe(0);
		expect(script([...before, line.replace(/\d+$/, String(least))], "--machine", "vtd").stderr).not.toContain("too small");
	});
});

describe("a number's name goes by the file", () => {
	const numbers: readonly (readonly [number: string, onDevice: string, onContext: string])[] = [
		["0x3b70", "VFIO_DEVICE_GET_PCI_HOT_RESET_INFO", "VFIO_IOMMU_GET_INFO"],
		["0x3b71", "VFIO_DEVICE_PCI_HOT_RESET", "VFIO_IOMMU_MAP_DMA"],
		["0x3b72", "VFIO_DEVICE_QUERY_GFX_PLANE", "VFIO_IOMMU_UNMAP_DMA"],
		["0x3b73", "VFIO_DEVICE_GET_GFX_DMABUF", "VFIO_IOMMU_ENABLE"],
		["0x3b74", "VFIO_DEVICE_IOEVENTFD", "VFIO_IOMMU_DISABLE"],
		["0x3b75", "VFIO_DEVICE_FEATURE", "VFIO_IOMMU_DIRTY_PAGES"],
		["0x3b85", "IOMMU_IOAS_MAP", "IOMMU_IOAS_MAP"],
	];

	test.each(numbers)("%s is %s on a device's file, %s on /dev/iommu", (number, onDevice, onContext) => {
		const names = (line: string): unknown => {
			const lines = ["f = file open /dev/vfio/devices/vfio8", line];
			return documents(script(lines, "--json", "--keep-going", "--machine", "vtd")).find(({ command }) => command === "raw")?.ioctl;
		};
		expect(names(`raw ${number} --on-device vfio9`)).toBe(onDevice);
		expect(names(`raw ${number} --on-fd $f`)).toBe(onDevice);
		expect(names(`raw ${number}`)).toBe(onContext);
	});

	test("with its fields, and its meaning of the errno", () => {
		const lines = ["d = device bind vfio8", "raw 0x3b70 0c0000000000000000000000 --on-device vfio8"];
		const { stderr, status } = script(lines, "--machine", "vtd");
		expect(status).toBe(1);
		expect(stderr).toContain("failed  VFIO_DEVICE_GET_PCI_HOT_RESET_INFO: ENOSPC (28): argsz has no room for all devices");
		expect(stderr).toMatch(/sent:\n\s+argsz {2}12\n\s+flags {2}0\n\s+count {2}0\n/);
		expect(script(["raw VFIO_DEVICE_SET_IRQS --dry-run"]).stdout).toContain("VFIO_DEVICE_SET_IRQS (0x3b6e), 20 bytes, not sent");
	});
});

test("a host's file is not the simulated kernel's", () => {
	expect(script(["file open /etc/passwd"]).stderr).toContain(
		"ENOENT (2): there is no such file: the simulated kernel has none of the host's files\n",
	);
	expect(script(["file open /dev/vfio/99"]).stderr).toMatch(/ENOENT \(2\): there is no such file\n/);
});

test("a device's region can be mapped once the device is bound", () => {
	const lines = ["x = file open /dev/iommu", "f = file open /dev/vfio/devices/vfio8"];
	expect(script([...lines, "expect EINVAL mem alloc 4k --memfd $f"], "--machine", "vtd").status).toBe(0);
	const bound = [...lines, "raw VFIO_DEVICE_BIND_IOMMUFD argsz=24 iommufd=$x --on-fd $f", "mem alloc 4k --memfd $f"];
	const { stdout, status } = script(bound, "--machine", "vtd");
	expect(stdout).toContain("4 commands: 4 ok\n");
	expect(status).toBe(0);
});

test("access-rw takes the selftest driver's flag for random addresses", () => {
	const { stdout } = script(["selftest access-rw 1 --flags SYZ,WRITE --iova 0 --dry-run"]);
	expect(stdout).toContain("flags       WRITE|MOCK_FLAGS_ACCESS_SYZ (0x10001)\n");
});

describe("calls other than ioctl, and what no errno tells", () => {
	test("a file that cannot be opened, and a device's", () => {
		const { stderr } = script(["file open /etc/passwd"], "--machine", "selftest");
		expect(stderr).toContain("why: open.no-node: there is no /etc/passwd\n");
		expect(script(["device bind vfio99"], "--machine", "vtd").stderr).toContain(
			"why: open.no-device: there is no /dev/vfio/devices/vfio99: ",
		);
		const [document] = documents(script(["file open /etc/passwd"], "--json", "--machine", "selftest"));
		expect(document).toMatchObject({ why: { check: "open.no-node", values: { path: "/etc/passwd" } } });
	});

	test("a page request that was answered INVALID", () => {
		const lines = ["i = ioas alloc", "d = selftest mock-domain $i", "selftest trigger-iopf $d.idev_id --grpid 3 --perm 3 --addr 0x4000"];
		const text =
			"the page requests of iommufd_mock0's group 3 were answered INVALID: the page table of requests without PASID has no fault queue";
		expect(script(lines, "--machine", "selftest").stdout).toContain(`\n      note: ${text}\n`);
		expect(
			documents(script(lines, "--json", "--machine", "selftest")).find(({ noted }) => JSON.stringify(noted ?? []) !== "[]"),
		).toMatchObject({
			noted: [{ text }],
		});
	});
});
