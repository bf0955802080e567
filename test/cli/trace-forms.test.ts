/** trace import, trace export and struct export as commands: their forms, what they say, and how they end. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { iommuctl, iommuctlProcess, script, temporaryFolder } from "./cli.js";

const folder = temporaryFolder();
const fixture = (name: string) => join("test/fixtures/import", name);
const shown = (trace: string) => iommuctl(["trace", "show", "-"], { input: trace }).stdout;

describe("trace import", () => {
	test.each([
		["syz-omitted-constants.syz", 8, /op=MOCK_DOMAIN\}\) = -1 ENOENT/],
		["syz-variant-access-rw.syz", 5, /MOCK_FLAGS_ACCESS_SYZ id=access1\}\) = 0/],
		["syz-vfio-unmap.syz", 8, /\(26 of 24 bytes, then 0011\)\}\) = 0/],
		["syz-data-address.syz", 5, /access_pages\.uptr=0x200000010000 id=access1\}\) = 0/],
	])("--syz %s: %i calls, none is skipped", (name, calls, line) => {
		const { status, stdout, stderr } = iommuctl(["trace", "import", "--syz", fixture(name), "--kernel", "sim"]);
		expect({ status, said: stderr.split("\n").slice(1, -1) }).toEqual({ status: 0, said: [`${calls} calls imported, 0 lines skipped`] });
		expect(shown(stdout)).toMatch(line);
	});

	test("--syz of a C reproducer, with a fault that a replay makes again", () => {
		const file = join(folder, "repro.c");
		const call = "syscall(__NR_ioctl, /*fd=*/r[0], /*cmd=*/0x3b81, /*arg=*/0x20000040ul);";
		writeFileSync(
			file,
			`uint64_t r[1] = {-1};\nint main() {\nsyscall(__NR_mmap, 0x20000000ul, 0x1000000ul, 7ul, 0x32ul, -1, 0ul);\nintptr_t res = 0;
memcpy((void*)0x20000000, "/dev/iommu\\000", 11);\nres = syscall(__NR_openat, 0xffffffffffffff9cul, 0x20000000ul, 0, 0);\nif (res != -1)\n  r[0] = res;
*(uint32_t*)0x20000040 = 0xc;\ninject_fault(1);\n${call}\n${call}\nreturn 0;\n}\n`,
		);
		const { stdout, stderr } = iommuctl(["trace", "import", "--syz", file, "--kernel", "sim"]);
		expect(stderr).toContain("repro.c:11: ioctl: inject_fault(1): its allocation 1 was made to fail");
		expect(shown(stdout)).toMatch(/IOMMU_IOAS_ALLOC, \{\}, fail_nth 1\) = -1 ENOMEM\n.*IOMMU_IOAS_ALLOC, \{\}\) = 0 \{out_ioas_id=1\}/);
		const trace = join(folder, "repro.jsonl");
		writeFileSync(trace, stdout);
		expect(iommuctl(["replay", trace]).stdout).toContain("1 programs, 2 steps, 0 differing");
		expect(iommuctl(["trace", "export", "--syz", trace]).stdout).toContain(" (fail_nth: 1)\n");
		const c = iommuctl(["trace", "export", "--c", trace]);
		expect(c.stderr).toContain("step 4: IOMMU_IOAS_ALLOC: its allocation 1 was made to fail");
	});

	test.each(["strace-iommufd-plain.log", "strace-rel-time.log", "strace-device-feature.log"])(
		"--strace %s: nothing to import, exit 1",
		(name) => {
			const { status, stdout, stderr } = iommuctl(["trace", "import", "--strace", fixture(name)]);
			expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
			expect(stderr).toMatch(
				/^failed {2}.*: nothing to import, \d lines? skipped: no strace release prints the arguments of iommufd's calls$/m,
			);
			expect(stderr).toMatch(/^ {2}what works: .*record/m);
		},
	);

	test("--strace takes what stands by itself, and lists the rest by line", () => {
		const name = fixture("strace-device-names.log");
		const { status, stdout, stderr } = iommuctl(["trace", "import", "--strace", name]);
		expect(status).toBe(0);
		expect(shown(stdout)).toContain("ioctl(vfio1, VFIO_DEVICE_RESET, 0) = -1 EINVAL\n");
		for (const [line, request] of [
			[3, "VFIO_DEVICE_SET_IRQS"],
			[4, "VFIO_DEVICE_GET_REGION_INFO"],
			[5, "VFIO_GROUP_UNSET_CONTAINER"],
			[6, "VFIO_GROUP_GET_DEVICE_FD"],
		])
			expect(stderr).toContain(`skipped: ${name}:${line}: ioctl ${request}: `);
	});

	test("--qemu takes QEMU's events; other logs are refused with what writes them", () => {
		const { status, stdout, stderr } = iommuctl(["trace", "import", "--qemu", fixture("qemu-10.log")]);
		expect(status).toBe(0);
		expect(stderr).toContain("15 calls imported, 4 lines skipped");
		expect(JSON.parse(stdout.split("\n")[2])).toEqual({ op: "open", path: "/dev/iommu", fd: "iommu1", time: 0 });
		const letter = iommuctl(["trace", "import", "--qemu", "-"], { input: "Dear QEMU,\n" });
		expect(letter).toMatchObject({ status: 2, stdout: "" });
		expect(letter.stderr).toContain("-trace 'iommufd_*'");
		expect(iommuctl(["trace", "import", "--qemu", "--syz", "-"]).stderr).toContain("exactly one form is needed");
	});
});

describe("trace export", () => {
	test("--syz: an unmapping has five members, and the rest is empty", () => {
		const trace = join(folder, "unmap.jsonl");
		iommuctl(["run", fixture("syz-export-vfio-unmap.iommu"), "--kernel", "sim", "--record", trace]);
		const last = iommuctl(["trace", "export", "--syz", trace]).stdout.trimEnd().split("\n").at(-1);
		expect(last).toBe("ioctl$IOMMU_VFIO_IOMMU_UNMAP_DMA(r0, 0x3b72, &AUTO={0x18, 0x0, 0x10000, 0x10000, ''})");
	});

	test("--perfetto is one document of events", () => {
		const trace = join(folder, "drawn.jsonl");
		script(["i = ioas alloc", "ioas map $i --length 64k"], "--record", trace);
		const { status, stdout } = iommuctl(["trace", "export", "--perfetto", trace]);
		expect(status).toBe(0);
		const { otherData, traceEvents } = JSON.parse(stdout);
		expect(otherData.schema).toBe("iommuctl.perfetto");
		expect(traceEvents.some((event: { ph: string; args?: { bytes?: number } }) => event.ph === "C" && event.args?.bytes === 65536)).toBe(
			true,
		);
		expect(iommuctl(["trace", "export", "--perfetto", "--c", trace]).stderr).toContain("--c, --script, --syz or --perfetto");
	});
});

describe("struct export", () => {
	test("--syzlang has the calls of a header, too", () => {
		const header = join(folder, "tsm.h");
		writeFileSync(
			header,
			`struct iommu_tsm_op {\n\t__u32 size;\n\t__u32 op;\n\t__u32 vdevice_id;\n\t__u32 req_len;\n\t__aligned_u64 req_uptr;\n\t__u32 out_tsm_id;\n\t__u32 one:3, two:29;\n};
#define IOMMU_TSM_OP _IO(IOMMUFD_TYPE, 0x96)\n`,
		);
		const { status, stdout } = iommuctlProcess(["struct", "export", "--syzlang", "--uapi-file", header]);
		expect(status).toBe(0);
		expect(stdout).toContain("\nioctl$IOMMU_TSM_OP(fd fd_iommufd, cmd const[IOMMU_TSM_OP], arg ptr[in, iommu_tsm_op])\n");
		expect(stdout).toContain("\nioctl$IOMMU_DESTROY$tsm(fd fd_iommufd, ");
		expect(stdout).toContain(
			"\niommu_tsm_op {\n\tsize\t\tlen[parent, int32]\n\top\t\tint32\n\tvdevice_id\tvdevice_handle\n\treq_len\t\tlen[req_uptr, int32]\n\treq_uptr\tptr64[inout, array[int8]]\n\tout_tsm_id\ttsm_handle\t(out)\n\tone\t\tint32:3\n\ttwo\t\tint32:29\n}\n",
		);
		expect(iommuctl(["struct", "export"]).stderr).toContain("--syzlang");
	});
});
