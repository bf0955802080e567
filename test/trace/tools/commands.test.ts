/** Tests of the commands that work on traces. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { iommuctl as run } from "../../cli/cli.js";
import { temporaryFile, temporaryFolder, traceFile } from "../files.js";
import { destroy, ioasAlloc, ioasMap, mmap, open } from "./fixtures.js";

const iommuctl = (...args: string[]) => run(args);

const good = [open(), mmap(), ioasAlloc(), ioasMap({})];
const wrong = destroy(1, { ret: -1, errno: "EBUSY" });

describe("iommuctl trace", () => {
	it("show: lines, or one JSON document; a cut file is in both, exit 2", () => {
		const file = traceFile({ p: good });
		expect(iommuctl("trace", "show", file).stdout).toContain("\n  3  ioctl(iommu1, IOMMU_IOAS_ALLOC, {}) = 0 {out_ioas_id=1}\n");
		const cut = temporaryFile("cut.jsonl", readFileSync(file, "utf8").replace('{"op":"end"}\n', ""));
		const { status, stdout, stderr } = iommuctl("trace", "show", cut, "--json");
		expect(status).toBe(2);
		expect(JSON.parse(stdout).programs).toMatchObject([{ program: "p", steps: good.map(({ op }) => ({ op })) }]);
		expect(JSON.parse(stdout).error.message).toContain("cut short");
		expect(stderr).toContain(`error: ${cut}:6: the file ends inside program p`);
	});

	it("diff: exit 0 if nothing differs, else 1 with the fields that do", () => {
		const [a, b] = [traceFile({ p: good }), traceFile({ p: [...good.slice(0, 3), ioasMap({ length: 8192n })] })];
		expect(iommuctl("trace", "diff", a, a).status).toBe(0);
		const { status, stdout } = iommuctl("trace", "diff", a, b);
		expect(status).toBe(1);
		expect(stdout).toContain("-     length  0x1000\n+     length  0x2000\n");
		expect(JSON.parse(iommuctl("trace", "diff", a, b, "--json").stdout)).toMatchObject({ schema: "iommuctl.trace-diff", differing: 1 });
	});

	it("diff, minimize and export read a killed recording as far as it goes, and say so", () => {
		const whole = traceFile({ p: [...good, wrong] });
		const cut = temporaryFile("killed.jsonl", readFileSync(whole, "utf8").replace('{"op":"end"}\n', ""));
		for (const [status, ...args] of [
			[0, "diff", whole, cut],
			[0, "minimize", cut, "--while", "differs"],
			[0, "export", "--c", cut],
		] as const) {
			const ran = iommuctl("trace", ...args);
			expect(ran.status).toBe(status);
			expect(ran.stderr).toContain(
				`note: ${cut}:7: the file ends inside program p (no {"op":"end"}): it was cut short; read as far as it goes\n`,
			);
		}
		const compared = iommuctl("compare", cut, "--right", "sim:uapi=6.2", "--json");
		expect(JSON.parse(compared.stdout)).toMatchObject({ programs: 1, differing: 0 });
		expect(compared.stderr).toContain("read as far as it goes");
		const torn = temporaryFile("torn.jsonl", readFileSync(whole, "utf8").slice(0, -30));
		expect(iommuctl("trace", "diff", whole, torn).status).toBe(2);
	});

	it("minimize: a trace of the necessary steps", () => {
		const small = join(temporaryFolder(), "small.jsonl");
		const file = traceFile({ p: [...good, wrong] });
		const { stderr } = iommuctl("trace", "minimize", file, "--while", "differs", "-o", small);
		expect(stderr).toContain("3 of 5 steps are needed");
		expect(JSON.parse(iommuctl("replay", small, "--json").stdout)).toMatchObject({ programs: 1, steps: 2, differing: 1 });
		expect(iommuctl("trace", "minimize", file, "--while", "errno=EXDEV")).toMatchObject({ status: 1, stdout: "" });
		expect(iommuctl("trace", "minimize", file, "--while", "errno=EXDEV").stderr).toContain("failed  no whole program of ");
		expect(iommuctl("trace", "minimize", file).stderr).toContain("--while is missing");
	});

	it("export and import: C, and syzkaller's text there and back", () => {
		const file = traceFile({ p: [...good, destroy(1)] });
		expect(iommuctl("trace", "export", "--c", file).stdout).toContain("struct iommu_ioas_map cmd = {");
		const text = iommuctl("trace", "export", "--syz", file).stdout;
		const back = iommuctl("trace", "import", "--syz", temporaryFile("p.syz", text));
		expect(back.stderr).toContain("4 calls imported, 0 lines skipped");
		expect(back.stdout.trim().split("\n")).toHaveLength(8);
		const log = temporaryFile("log", "ioctl(3</dev/iommu>, IOMMU_DESTROY, {size=8, id=1}) = 0\nioctl(3, IOMMU_DESTROY, 0x7ffd) = 0\n");
		const imported = iommuctl("trace", "import", "--strace", log);
		expect(imported.stdout).toContain('"request":"IOMMU_DESTROY"');
		expect(imported.stderr).toContain(`skipped: ${log}:2: ioctl IOMMU_DESTROY: the log has only the address of its argument`);
		const letter = iommuctl("trace", "import", "--strace", temporaryFile("letter", "Dear kernel,\n"));
		expect(letter).toMatchObject({ status: 2, stdout: "" });
		expect(letter.stderr).toContain("has no ioctl");
		expect(iommuctl("trace", "export", file).stderr).toContain("--c, --script, --syz or --perfetto");
	});
});

describe("iommuctl compare", () => {
	it("shows the first answer that differs on an older kernel", () => {
		const newer = { op: "ioctl", fd: "iommu1", request: "IOMMU_IOAS_CHANGE_PROCESS", arg: "0800000000000000", ret: 0 };
		const file = traceFile({ p: [open(), newer] });
		const { status, stdout } = iommuctl("compare", file, "--left", "sim", "--right", "sim:uapi=6.12");
		expect(status).toBe(1);
		expect(stdout).toContain("program p, step 2: ioctl(iommu1, IOMMU_IOAS_CHANGE_PROCESS, {})\n");
		expect(stdout).toMatch(/ {2}sim +ret 0\n {2}sim:uapi=6\.12 +ret -1 ENOTTY\n/);
		expect(iommuctl("compare", file, "--right", "sim:uapi=6.15").status).toBe(0);
	});

	it.skipIf(existsSync("/dev/iommu"))("says what is wrong with a kernel's name, and that there is no such kernel", () => {
		const file = traceFile({ p: [open()] });
		expect(iommuctl("compare", file, "--right", "sim:uapi=9.9")).toMatchObject({ status: 2, stdout: "" });
		expect(iommuctl("compare", file, "--right", "old")).toMatchObject({ status: 2, stdout: "" });
		expect(iommuctl("compare", file)).toMatchObject({ status: 3, stdout: "" });
	});
});

describe("iommuctl check", () => {
	it("compares numbers as they are typed", () => {
		const script = temporaryFile("a.iommu", "ioas = ioas alloc\ncheck $ioas == 1\ncheck 4k < 0x1001\n");
		expect(iommuctl("run", script, "--kernel", "sim").status).toBe(0);
		expect(iommuctl("check", "4k", "!=", "4096")).toMatchObject({ status: 1, stdout: "", stderr: "failed  4k != 4096 does not hold\n" });
		expect(iommuctl("check", "1", "=", "1")).toMatchObject({ status: 2, stdout: "" });
		expect(JSON.parse(iommuctl("check", "2", ">=", "1", "--json").stdout)).toMatchObject({ schema: "iommuctl.check", ok: true });
	});
});
