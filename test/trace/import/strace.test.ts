/** Tests of the import of strace logs. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { IoctlStep } from "../../../src/trace/format.js";
import { importStrace } from "../../../src/trace/import/strace.js";
import { parseStrace, splitAt, stringBytes } from "../../../src/trace/import/strace-parse.js";
import { requestNumber } from "../../../src/trace/requests.js";
import { stepLine } from "../../../src/trace/tools/show.js";

const told = (...lines: string[]) => {
	const { steps, skipped } = importStrace(lines.join("\n"));
	return { lines: steps.map((step) => stepLine(step)), steps, skipped: skipped.map(({ line, why }) => `${line}: ${why}`) };
};
const opened = 'openat(AT_FDCWD, "/dev/iommu", O_RDWR|O_CLOEXEC) = 3';

describe("the text of a log", () => {
	it("joins calls that were printed in two pieces, by process", () => {
		const calls = parseStrace(
			[
				'[pid 7] openat(AT_FDCWD, "/dev/iommu" <unfinished ...>',
				"[pid 8] close(4)                        = 0",
				"[pid 7] <... openat resumed>, O_RDWR)   = 3",
				"--- SIGCHLD {si_signo=SIGCHLD} ---",
				"9 12:00:01.5 close(5) = -1 EBADF (Bad file descriptor) <0.000004>",
				"+++ exited with 0 +++",
			].join("\n"),
		);
		expect(calls).toEqual([
			{ line: 2, pid: "8", name: "close", args: ["4"], result: "0" },
			{ line: 3, pid: "7", name: "openat", args: ["AT_FDCWD", '"/dev/iommu"', "O_RDWR"], result: "3" },
			{ line: 5, pid: "9", name: "close", args: ["5"], result: "-1 EBADF (Bad file descriptor)" },
		]);
	});

	it("splits outside of brackets, strings and comments", () => {
		expect(splitAt('3, {a="x,}", b=[1, 2]} /* 1, 2 */, "\\","', ",")).toEqual(["3", '{a="x,}", b=[1, 2]} /* 1, 2 */', '"\\","']);
		expect(splitAt("{a=1} => {a=2}", "=>")).toEqual(["{a=1}", "{a=2}"]);
	});

	it("reads strings in octal and hex, and knows those that were cut short", () => {
		expect(stringBytes('"\\x0c\\0\\377\\n"')).toEqual(Buffer.from([12, 0, 255, 10]));
		expect(stringBytes('"\\x0c"...')).toBeUndefined();
	});
});

describe("trace import --strace", () => {
	it("imports ioctls with fields by name, without those that only the kernel fills", () => {
		const { lines, skipped, steps } = told(
			opened,
			"ioctl(3, IOMMU_IOAS_ALLOC, {size=12, flags=0, out_ioas_id=1}) = 0",
			"mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f3a00000000",
			"ioctl(3, IOMMU_IOAS_MAP, {flags=IOMMU_IOAS_MAP_READABLE|IOMMU_IOAS_MAP_WRITEABLE, ioas_id=1, user_va=0x7f3a00001000, length=4096, iova=0} => {iova=0x1000}) = 0",
			"ioctl(3, IOMMU_DESTROY, {size=8, id=1}) = -1 EBUSY (Device or resource busy)",
			"close(3) = 0",
		);
		expect(lines).toEqual([
			'open("/dev/iommu") = iommu1',
			"ioctl(iommu1, IOMMU_IOAS_ALLOC, {}) = 0 {out_ioas_id=1}",
			"mmap(0x7f3a00000000, length 8192, rw)",
			"ioctl(iommu1, IOMMU_IOAS_MAP, {flags=WRITEABLE|READABLE ioas_id=1 user_va=0x7f3a00001000 length=0x1000}) = 0 {iova=0x1000}",
			"ioctl(iommu1, IOMMU_DESTROY, {id=1}) = -1 EBUSY",
			"close(iommu1)",
		]);
		expect(skipped).toEqual([]);
		expect(steps[1]).toMatchObject({ arg: "0c0000000000000000000000", out: "0c0000000000000001000000" });
	});

	it("imports bytes, with the files that a call made or was given", () => {
		const { lines, steps } = told(
			opened,
			'ioctl(3, _IOC(_IOC_NONE, 0x3b, 0x8e, 0), "\\x10\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0" => "\\x10\\0\\0\\0\\0\\0\\0\\0\\2\\0\\0\\0\\5\\0\\0\\0") = 0',
			'openat(AT_FDCWD, "/dev/vfio/devices/vfio0", O_RDWR) = 6',
			"ioctl(6, VFIO_DEVICE_BIND_IOMMUFD, {argsz=24, flags=0, iommufd=3</dev/iommu>, out_devid=4, token_uuid_ptr=NULL}) = 0",
			"close(5) = 0",
		);
		expect(lines).toEqual([
			'open("/dev/iommu") = iommu1',
			"ioctl(iommu1, IOMMU_FAULT_QUEUE_ALLOC, {}) = 0 {out_fault_id=2 out_fault_fd=fault1}",
			'open("/dev/vfio/devices/vfio0") = vfio1',
			"ioctl(vfio1, VFIO_DEVICE_BIND_IOMMUFD, {iommufd=iommu1}) = 0 {out_devid=4}",
			"close(fault1)",
		]);
		expect(steps[1]).toMatchObject({ fd_out: { 12: "fault1" } });
	});

	it("imports numbers where a call takes one, by strace's two names for a request", () => {
		const { lines } = told(
			opened,
			"ioctl(3, VFIO_GET_API_VERSION) = 0",
			"ioctl(3, VFIO_SET_IOMMU, 0x3) = 0",
			"ioctl(3, VFIO_DEVICE_PCI_HOT_RESET or VFIO_IOMMU_MAP_DMA, {argsz=32, flags=1, vaddr=0, iova=0, size=4096}) = -1 EINVAL (Invalid argument)",
		);
		expect(lines.slice(1)).toEqual([
			"ioctl(iommu1, VFIO_GET_API_VERSION, 0) = 0",
			"ioctl(iommu1, VFIO_SET_IOMMU, 3) = 0",
			"ioctl(iommu1, VFIO_IOMMU_MAP_DMA, {flags=READ size=0x1000}) = -1 EINVAL",
		]);
	});

	it("reports the rest, and skips what does not concern iommufd", () => {
		const { lines, skipped } = told(
			"ioctl(1, TCGETS, 0x7ffdaa53c400) = -1 ENOTTY (Inappropriate ioctl for device)",
			"ioctl(4</dev/null>, _IOC(_IOC_NONE, 0x3b, 0x81, 0), 0x7ffffad21130) = -1 ENOTTY (Inappropriate ioctl for device)",
			"ioctl(3</dev/iommu>, _IOC(_IOC_NONE, 0x3b, 0x81, 0), 0x7ffffad21130) = 0",
			'ioctl(3, IOMMU_IOAS_ALLOC, "\\x0c"...) = 0',
			"ioctl(3, IOMMU_IOAS_ALLOC, {size=12, ...}) = 0",
			"ioctl(3, IOMMU_IOAS_ALLOC, {size=12, colour=3}) = 0",
			"ioctl(9, VFIO_SET_IOMMU, 0x3) = 0",
			"ioctl(3, IOMMU_DESTROY, {size=8, id=1}) = ?",
		);
		expect(lines).toEqual(['open("/dev/iommu") = iommu1']);
		expect(skipped).toEqual([
			"3: the log has only the address of its argument",
			"4: its bytes are cut short (use a larger strace -s)",
			"5: its struct is cut short (...)",
			"6: struct iommu_ioas_alloc has no field colour",
			"7: the log does not say which file 9 is (use strace -y)",
			"8: the log does not show its answer",
		]);
	});

	const fixture = (name: string) => told(readFileSync(`test/fixtures/import/${name}.log`, "utf8"));

	it("lets the file decide which of a number's names is meant, and takes no pointer for a number", () => {
		const { lines, skipped, steps } = fixture("strace-device-names");
		expect(lines).toEqual(['open("/dev/vfio/devices/vfio0") = vfio1', "ioctl(vfio1, VFIO_DEVICE_RESET, 0) = -1 EINVAL", "close(vfio1)"]);
		expect(requestNumber((steps[1] as IoctlStep).request)).toBe(0x3b6f);
		expect(skipped).toEqual([
			"3: the log has only the address of its argument",
			"4: the log has only the address of its argument",
			"5: calls on groups are not taken over",
			"6: calls on groups are not taken over",
		]);
		const feature = importStrace(readFileSync("test/fixtures/import/strace-device-feature.log", "utf8"));
		expect(feature.skipped).toEqual([{ line: 1, what: "ioctl VFIO_DEVICE_FEATURE", why: "the log has only the address of its argument" }]);
		expect(feature.steps.filter(({ op }) => op === "ioctl")).toEqual([]);
	});

	it("makes nothing up: logs of today's strace, in which only calls without a struct stand by themselves", () => {
		expect(fixture("strace-iommufd-plain").skipped).toEqual([
			"2: the log has only the address of its argument",
			"3: the log has only the address of its argument",
			"5: the log has only the address of its argument",
			"6: it comes after a call on this file that was not taken over, and may depend on it",
		]);
		const { skipped, lines } = fixture("strace-rel-time");
		expect(skipped.map((one) => one.split(":")[0])).toEqual(["3", "5", "6", "7"]);
		expect(lines).toEqual(['open("/dev/vfio/vfio") = vfio1', "ioctl(vfio1, VFIO_GET_API_VERSION, 0) = 0", "close(vfio1)"]);
	});

	it("says that a file came from a call that was not taken over, and that a request is not known", () => {
		const { skipped } = told(
			"ioctl(9</dev/vfio/4>, VFIO_GROUP_SET_CONTAINER, [8]) = 0",
			'ioctl(9</dev/vfio/4>, VFIO_GROUP_GET_DEVICE_FD, "0000:00:02.0") = 10<anon_inode:[vfio-device]>',
			"ioctl(10<anon_inode:[vfio-device]>, VFIO_DEVICE_RESET) = 0",
			"ioctl(3</dev/iommu<char 10:124>>, IOMMU_SOMETHING_NEW, 0x7ffd) = 0",
			"     0.000031 ioctl(3</dev/iommu>, IOMMU_DESTROY) = 0",
		);
		expect(skipped).toEqual([
			"1: calls on groups are not taken over",
			"2: calls on groups are not taken over",
			"3: its file was returned by a call that was not taken over",
			"4: this request is not known",
			"5: the log does not have its argument",
		]);
	});
});
