/** Exported scripts: their lines, and how they run. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Campaign } from "../../../src/fuzz/index.js";
import { exportScript } from "../../../src/trace/export/script.js";
import type { Step } from "../../../src/trace/format.js";
import { iommuctl } from "../../cli/cli.js";
import { temporaryFolder } from "../files.js";

const program = (steps: readonly Step[]) => ({ name: "made", line: 2, steps, lines: [] });

test("IDs and files are those that the script's own calls make, and what else changed is checked", () => {
	const steps: Step[] = [
		{ op: "open", path: "/dev/iommu", fd: "iommu1" },
		{ op: "ioctl", fd: "iommu1", request: "IOMMU_IOAS_ALLOC", arg: "0c0000000000000000000000", ret: 0, out: "0c0000000000000007000000" },
		{ op: "memfd", fd: "memfd1", length: 4096 },
		{ op: "mmap", addr: "0x100000000000", length: 4096, prot: "rw" },
		{
			op: "ioctl",
			fd: "iommu1",
			request: "IOMMU_IOAS_MAP",
			arg: "28000000060000000700000000000000000000000010000000100000000000000000000000000000",
			ret: 0,
			out: "28000000060000000700000000000000000000000010000000100000000000000000010000000000",
		},
		{ op: "ioctl", fd: "none", request: "IOMMU_DESTROY", arg: "0800000007000000", ret: -1, errno: "EBADF" },
		{ op: "pread", fd: "memfd1", offset: 0, length: 4, ret: 4, data: "00000000" },
		{ op: "close", fd: "memfd1" },
	];
	const { text, skipped } = exportScript(program(steps), ["About it."]);
	expect(text.split("\n")).toEqual([
		"# About it.",
		"",
		"iommu1 = file open /dev/iommu",
		"call1 = raw IOMMU_IOAS_ALLOC --on-fd $iommu1",
		"memfd1 = mem memfd 4096",
		"mem alloc 4096 --at 0x100000000000 --prot rw",
		"call2 = raw IOMMU_IOAS_MAP flags=6 ioas_id=$call1.out_ioas_id user_va=0x100000000000 length=0x1000 --on-fd $iommu1",
		"check $call2.iova == 0x10000",
		"expect EBADF raw IOMMU_DESTROY id=7 --on-fd 0x7fffffff",
		"# left out: step 7, pread: it has no command",
		"file close $memfd1",
		"",
	]);
	expect(skipped).toEqual(["step 7, pread: it has no command"]);
});

test("a script answers as the trace does", () => {
	const folder = temporaryFolder();
	const campaign = new Campaign({ seed: 5 });
	let run = 0;
	for (let number = 0; run < 2; number++) {
		const { text, skipped } = exportScript(program(campaign.program(number).steps), []);
		if (skipped.length > 0) continue;
		run++;
		const file = join(folder, `${number}.iommu`);
		writeFileSync(file, text);
		const { status, stdout, stderr } = iommuctl(["run", file, "--kernel", "sim", "--quiet"]);
		expect({ number, status, stdout: stdout.slice(0, 500), stderr: stderr.slice(0, 500) }).toMatchObject({ status: 0 });
	}
});
