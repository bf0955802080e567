/** Tests of exported C: its text, and how it compiles and runs. */
import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { errnoNumber } from "../../../src/trace/errno-names.js";
import { exportC } from "../../../src/trace/export/c.js";
import type { IoctlStep, Step } from "../../../src/trace/format.js";
import { requestNumber } from "../../../src/trace/requests.js";
import { withoutOrphans } from "../../../src/trace/tools/minimize.js";
import { type Program, readPrograms } from "../../../src/trace/tools/programs.js";
import { HEADER, temporaryFolder } from "../files.js";
import { destroy, ioasAlloc, ioasMap, mmap, open } from "../tools/fixtures.js";

const compiler = ["gcc", "cc", "clang"].find((name) => spawnSync(name, ["--version"]).status === 0);
const golden = (suite: string) => readPrograms(`test/fixtures/golden/${suite}.jsonl.gz`);
const program = (steps: readonly Step[]): Program => ({ name: "made", line: 2, steps, lines: [] });
const exported = (programs: readonly Program[]) => exportC("a test", HEADER as never, programs);

/** Compiles strictly. @returns the program's path */
function compiled(text: string, ...more: string[]): string {
	const folder = temporaryFolder();
	writeFileSync(join(folder, "made.c"), text);
	const made = spawnSync(compiler as string, ["-Wall", "-Wextra", "-Werror", "-o", join(folder, "made"), join(folder, "made.c"), ...more]);
	expect(made.stderr.toString()).toBe("");
	return join(folder, "made");
}

/** Runs on a stand-in for the kernel that answers as the steps say. */
function answered(path: string, steps: readonly IoctlStep[]): { status: number | null; stdout: string; calls: string[] } {
	const line = ({ arg = "", out, ret, errno }: IoctlStep) => `${arg.length / 2} ${ret} ${errno ? errnoNumber(errno) : 0} ${out ?? arg}\n`;
	const answers = join(temporaryFolder(), "answers");
	writeFileSync(answers, steps.map(line).join(""));
	const { status, stdout, stderr } = spawnSync(path, { env: { ANSWERS: answers } });
	return { status, stdout: stdout.toString(), calls: stderr.toString().trim().split("\n") };
}

describe("trace export --c", () => {
	it("is readable: named structs, fields and flags by name, IDs as variables, answers checked", () => {
		const { text } = exported([program([open(), mmap(), ioasAlloc(), ioasMap({}, { ret: -1, errno: "EEXIST" })])]);
		expect(text).toContain("struct iommu_ioas_map cmd = {\n\t\t\t.size = sizeof(cmd),");
		expect(text).toContain(
			".flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_WRITEABLE | IOMMU_IOAS_MAP_READABLE,\n\t\t\t.ioas_id = ioas_1,",
		);
		expect(text).toContain("ioas_1 = cmd.out_ioas_id;");
		expect(text).toContain('answers(4, "IOMMU_IOAS_MAP", ioctl(iommu1, IOMMU_IOAS_MAP, &cmd), -1, EEXIST);');
		expect(text).toContain("#define IOMMU_IOAS_MAP 0x3b85\n");
		expect(text).not.toMatch(/#include <linux/);
	});

	it("passes files by their variables, those of accesses in the field that otherwise holds an ID", async () => {
		const { header, programs } = await golden("access");
		const { text } = exportC("access", header, programs.slice(0, 3));
		expect(text).toContain("access1 = cmd.create_access.out_access_fd;");
		expect(text).toContain(".id = access1,");
	});

	it("uses the objects' variables in what is read, as in calls", async () => {
		const { header, programs } = await golden("events");
		const { text } = exportC("events", header, programs);
		const ids = [...text.matchAll(/^\t+\.dev_id = (\w+),$/gm)].map(([, id]) => id);
		const read = text.split("const struct iommu_hwpt_pgfault want[] = {").slice(1);
		expect(read.length).toBeGreaterThan(0);
		for (const records of read) expect(records.split("};")[0]).toMatch(/\.dev_id = idev_\d+,/);
		expect(ids.filter((id) => /^\d/.test(id))).toEqual([]);
	});

	it("names the kernel that the trace was recorded on", () => {
		const kernel = (header: object) => /answers are those of (.*)\.$/m.exec(exportC("t", { ...HEADER, ...header } as never, []).text)?.[1];
		expect(kernel({ kernel: "7.3.4" })).toBe("Linux 7.3.4");
		expect(kernel({ kernel: "sim", machine: { name: "vtd" } })).toBe("iommuctl's simulated kernel, machine vtd");
		expect(kernel({ kernel: "sim" })).toBe("iommuctl's simulated kernel");
		expect(kernel({ kernel: "real", release: "6.12.3" })).toBe("Linux 6.12.3");
		expect(kernel({ kernel: "real" })).toBe("a real kernel");
	});

	it("says what C cannot express", () => {
		const dma: Step = { op: "dma", fd: "iommu1", dir: "read", iova: "0x1000", length: 4, events: [] };
		expect(exported([program([open(), dma])]).skipped).toEqual([expect.stringContaining("program made, step 2: dma")]);
	});
});

it("names the step whose file no step made", () => {
	expect(() => exported([program([open(), destroy(1, {}, "gone")])])).toThrow(
		'program made, step 2: no earlier step made a file called "gone"',
	);
});

describe.skipIf(compiler === undefined)("exported C", () => {
	it.each([
		"access",
		"contexts",
		"dirty",
		"events",
		"fields",
		"iova",
		"nested",
		"numbers",
		"pairs",
		"vfio",
		"viommu",
		"hw/vfio-cdev-group",
	])("of %s compiles without a warning", async (suite) => {
		const { header, programs } = await golden(suite);
		const path = compiled(exportC(suite, header, programs.slice(0, 4)).text, "-O1");
		if (existsSync("/dev/iommu")) return;
		const { status, stdout } = spawnSync(path);
		expect([status, stdout.toString()]).toEqual([77, "skipped: /dev/iommu: No such file or directory\n"]);
	});

	it("compiles without a warning whatever a program leaves out", async () => {
		const { header, programs } = await golden("events");
		const { steps } = programs[0];
		const parts = [
			[],
			steps.filter(({ op }) => op === "mmap"),
			steps.filter(({ op }) => op === "open"),
			steps.filter((_, at) => at % 3 === 0),
		];
		for (const part of parts) compiled(exportC("events", header, [program(withoutOrphans(part))]).text);
	});

	it("makes the recorded calls, byte for byte, and reports any other answer", async () => {
		const { header, programs } = await golden("pairs");
		// What the stand-in can answer: no files of its own, and no memory that a kernel would have written.
		const plain = (step: Step) => (step.op === "ioctl" ? step.arg !== undefined && !step.fd_in && !step.fd_out : step.op !== "peek");
		const whole = withoutOrphans(programs[0].steps.filter(plain));
		const steps = whole.filter((step): step is IoctlStep => step.op === "ioctl");
		const path = compiled(exportC("pairs", header, [program(whole)]).text, "test/trace/export/fake-kernel.c");
		const right = answered(path, steps);
		expect(right.stdout).toBe("every call answered as recorded\n");
		expect(right.status).toBe(0);
		expect(right.calls).toEqual(steps.map(({ request, arg }) => `0x${requestNumber(request).toString(16)} ${arg}`));
		const failed = steps.findIndex(({ ret }) => ret === -1);
		const wrong = answered(path, steps.with(failed, { ...steps[failed], errno: "EXDEV" }));
		expect(wrong.status).toBe(1);
		expect(wrong.stdout).toContain("Invalid cross-device link, not -1, ");
	});

	it("checks the fields that a call returned", () => {
		const steps = [ioasMap({}, { out: (ioasMap({ iova: 0x7000n }) as IoctlStep).arg }), destroy(1)] as IoctlStep[];
		const path = compiled(exported([program([open(), mmap(), ...steps])]).text, "test/trace/export/fake-kernel.c");
		expect(answered(path, steps).status).toBe(0);
		const { status, stdout } = answered(path, steps.with(0, { ...steps[0], out: (ioasMap({ iova: 0x8000n }) as IoctlStep).arg }));
		expect([status, stdout.split("\n")[0]]).toEqual([1, "step 3: cmd.iova is 0x8000, not 0x7000"]);
	});
});
