/** iommuctl fail-nth. */
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Knobs } from "../../../src/cli/commands/tools/fail-nth/knobs.js";
import { FailNth, realAnswers } from "../../../src/cli/commands/tools/fail-nth/real.js";
import { NEVER, round, type Stage } from "../../../src/cli/commands/tools/fail-nth/rounds.js";
import { commandLine } from "../../../src/cli/execute.js";
import { palette } from "../../../src/cli/frame/colour.js";
import { Context } from "../../../src/cli/frame/context.js";
import { BufferSink, type Io } from "../../../src/cli/frame/io.js";
import type { Kernel } from "../../../src/kernel/kernel.js";
import { wrapKernel } from "../../../src/kernel/wrap.js";
import { parseScript } from "../../../src/script/index.js";
import { createSim, inspect } from "../../../src/sim/index.js";
import { ioctls } from "../../../structs/index.js";
import { FakeKernel } from "../../trace/fake-kernel.js";
import { documents, iommuctl, temporaryFolder } from "../cli.js";

const folders = temporaryFolder();

const device = [
	"ioas = ioas alloc",
	"ioas map $ioas --iova 0x10000000 --length 2M",
	"dev = device bind vfio0",
	"device attach vfio0 $ioas",
	"other = ioas alloc",
	"ioas copy $other $ioas --src-iova 0x10000000 --length 64k --flags READABLE,WRITEABLE",
	"device attach vfio0 $other",
	"parent = hwpt alloc $dev $ioas --flags NEST_PARENT",
	"device attach vfio0 $parent",
	"fault alloc",
	"device detach vfio0",
	"destroy $parent",
].join("\n");

describe("fail-nth", () => {
	test.each(["vtd", "smmuv3", "amd"])("a device on %s: every allocation may fail, and nothing is left over", (machine) => {
		const { status, stdout } = iommuctl(["fail-nth", "-", "--machine", machine], { input: device });
		expect(stdout).toMatch(/\n(\d+) allocations made to fail: \1 ok\n$/);
		expect(stdout).toContain("line 7: device attach vfio0 $other");
		expect(status).toBe(0);
	});

	test.each(["nested-translation", "page-fault", "virtual-event", "dirty-tracking", "vfio-compat"])("scripts/examples/%s", (name) => {
		const ran = iommuctl(["fail-nth", `scripts/examples/${name}.iommu`, "--kernel", "sim", "--json"]);
		expect(ran.status).toBe(0);
		const [document] = documents(ran);
		expect(document).toMatchObject({ schema: "iommuctl.fail-nth", version: 1, complete: true, failed: 0 });
		expect(document.allocations).toBeGreaterThan(5);
	});

	test("a script that fails by itself tells nothing", () => {
		const { status, stderr } = iommuctl(["fail-nth", "-", "--kernel", "sim"], { input: "destroy 7" });
		expect(status).toBe(2);
		expect(stderr).toContain("stdin fails without any fault: line 1: failed  IOMMU_DESTROY: ENOENT");
	});

	test("--max ends it before", () => {
		const { stdout } = iommuctl(["fail-nth", "-", "--kernel", "sim", "--max", "2"], { input: device });
		expect(stdout).toContain("2 allocations made to fail: 2 ok; there are more than --max 2");
		expect(iommuctl(["fail-nth", "-", "--max", "none"]).status).toBe(2);
	});

	test("a real kernel without fault injection is the environment's fault", () => {
		expect(() => new FailNth(join(folders, "no-such-fail-nth"))).toThrow(/cannot be opened: ENOENT/);
	});
});

const io: Io = { stdout: new BufferSink(), stderr: new BufferSink(), stdin: { readAll: async () => new Uint8Array() }, cwd: "/", env: {} };

/** A simulated kernel with something wrong in its ioctl. */
async function stageOf(spoil: (kernel: Kernel, failed: () => boolean) => Kernel, answers: readonly number[] = [12]): Promise<Stage> {
	let failed = () => false;
	const context = new Context("sim", undefined, {}, async (handle) => ({ ...handle, kernel: spoil(handle.kernel, () => failed()) }));
	const { sim } = await context.handle();
	if (!sim) throw new Error("no sim");
	failed = () => sim.allocations >= sim.failingAllocation;
	return {
		context,
		answers,
		arm(n) {
			sim.allocations = 0;
			sim.failingAllocation = n;
		},
		failed,
		async end() {
			context.dispose();
			return inspect(sim).leftovers();
		},
	};
}

async function problemsOf(
	spoil: (kernel: Kernel, failed: () => boolean) => Kernel,
	answers?: readonly number[],
): Promise<readonly string[]> {
	const plain = await palette(0);
	const statements = parseScript("ioas = ioas alloc\nioas alloc", "my");
	// 1: /dev/iommu, 2: memory for the command's own use or the IOAS
	const results = await Promise.all(
		[1, 2, 3, 4].map(async (n) =>
			round(n, statements, await stageOf(spoil, answers), { commandLine, io, out: plain, err: plain, within: [] }),
		),
	);
	return results.flatMap(({ problems }) => problems);
}

const withIoctl = (kernel: Kernel, ioctl: Kernel["ioctl"]): Kernel => wrapKernel(kernel, { ioctl });

describe("what a round finds", () => {
	test("nothing in a kernel that is right", async () => {
		expect(await problemsOf((kernel) => kernel)).toEqual([]);
	});

	test("another errno than ENOMEM", async () => {
		const found = await problemsOf((kernel) =>
			withIoctl(kernel, (fd, request, arg) => {
				const rc = kernel.ioctl(fd, request, arg);
				return rc === -12 ? -22 : rc;
			}),
		);
		expect(found.some((problem) => problem.endsWith("EINVAL instead of ENOMEM"))).toBe(true);
	});

	test("what the fault points of a kernel with the selftest driver answer is no problem", async () => {
		const ENOENT = 2;
		const spoil = (kernel: Kernel): Kernel =>
			withIoctl(kernel, (fd, request, arg) => {
				const rc = kernel.ioctl(fd, request, arg);
				return rc === -12 ? -ENOENT : rc;
			});
		expect(await problemsOf(spoil, realAnswers(true))).toEqual([]);
		expect(await problemsOf(spoil, realAnswers(false))).toContain("line 1: ENOENT instead of ENOMEM");
	});

	test("a call that does not work any more once it has failed", async () => {
		let broken = false;
		const found = await problemsOf((kernel) =>
			withIoctl(kernel, (fd, request, arg) => {
				const rc = broken ? -16 : kernel.ioctl(fd, request, arg);
				broken ||= rc === -12;
				return rc;
			}),
		);
		expect(found.some((problem) => problem.includes("does not work when it is repeated: failed  IOMMU_IOAS_ALLOC: EBUSY"))).toBe(true);
	});

	test("what is left over", () => {
		const sim = createSim();
		const process = sim.newProcess();
		const fd = process.open("/dev/iommu");
		const { struct, request } = ioctls.IOMMU_IOAS_ALLOC;
		process.ioctl(fd, request, struct.encode({ size: struct.size }));
		expect(inspect(sim).leftovers()).toEqual(["a context is still held, with ioas 1"]);
		process.exit();
		expect(inspect(sim).leftovers()).toEqual([]);
	});
});

describe("the real kernel's counter", () => {
	test("counts only inside calls, from one to the next", () => {
		// Stands for /proc/self/fail-nth: what was written stays to be read, so every call takes nothing.
		const path = join(mkdtempSync(join(folders, "it-")), "fail-nth");
		writeFileSync(path, "");
		const counter = new FailNth(path);
		const during: string[] = [];
		const fake = new FakeKernel();
		fake.ioctl = () => during.push(readFileSync(path, "utf8"));
		fake.close = () => during.push("close");
		const kernel = counter.around(fake);
		kernel.ioctl(0, 0, 0n);
		expect(during).toEqual([""]);
		counter.arm(7);
		kernel.ioctl(0, 0, 0n);
		kernel.close(0);
		expect(during.slice(1)).toEqual(["7", "close"]);
		counter.close();
	});

	test("takes the n of the round in which nothing fails: 31 bits", () => {
		const path = join(mkdtempSync(join(folders, "it-")), "fail-nth");
		writeFileSync(path, "");
		const counter = new FailNth(path);
		counter.arm(NEVER);
		let armed = "";
		const fake = new FakeKernel();
		fake.ioctl = () => {
			armed = readFileSync(path, "utf8");
			return 0;
		};
		counter.around(fake).ioctl(0, 0, 0n);
		expect(armed).toMatch(/^\d+$/);
		expect(Number(armed)).toBeLessThan(2 ** 31);
		counter.close();
	});
});

describe("what spares allocations", () => {
	test("is turned off, and set back", () => {
		const root = mkdtempSync(join(folders, "debug-"));
		const at = (name: string) => join(root, name);
		mkdirSync(at("failslab"));
		mkdirSync(at("fail_page_alloc"));
		writeFileSync(at("failslab/ignore-gfp-wait"), "Y\n");
		writeFileSync(at("fail_page_alloc/ignore-gfp-wait"), "N\n");
		writeFileSync(at("fail_page_alloc/min-order"), "1\n");
		const knobs = new Knobs(root);
		expect(knobs.notes).toEqual([]);
		expect(readFileSync(at("failslab/ignore-gfp-wait"), "utf8")).toBe("N");
		expect(readFileSync(at("fail_page_alloc/min-order"), "utf8")).toBe("0");
		knobs.restore();
		expect(readFileSync(at("failslab/ignore-gfp-wait"), "utf8")).toBe("Y");
		expect(readFileSync(at("fail_page_alloc/ignore-gfp-wait"), "utf8")).toBe("N\n");
		expect(readFileSync(at("fail_page_alloc/min-order"), "utf8")).toBe("1");
	});

	test("and cannot be turned off without debugfs: that is said", () => {
		const [note, ...rest] = new Knobs(join(folders, "no-debugfs")).notes;
		expect(rest).toEqual([]);
		expect(note).toContain("failslab/ignore-gfp-wait (ENOENT)");
		expect(note).toContain("is debugfs mounted?");
	});
});

describe("a script's lines are those of run", () => {
	test("another script is looked for beside it", () => {
		const folder = join(folders, "beside");
		mkdirSync(folder);
		writeFileSync(join(folder, "inner.iommu"), "ioas alloc\n");
		writeFileSync(join(folder, "outer.iommu"), "run inner.iommu\n");
		const { status, stdout } = iommuctl(["fail-nth", join(folder, "outer.iommu"), "--kernel", "sim"]);
		expect(stdout).toContain("2 allocations made to fail: 2 ok");
		expect(status).toBe(0);
	});

	test("a block of `parallel` waits for what another serves", () => {
		const input = [
			"ioas = ioas alloc",
			"device = selftest mock-domain $ioas",
			"memory = mem alloc 4k",
			"fault = mem userfault $memory 4k",
			"parallel { ioas map $ioas --user-va $memory --length 4k } { mem serve $fault $memory }",
			"",
		].join("\n");
		const { status, stdout, stderr } = iommuctl(["fail-nth", "-", "--kernel", "sim"], { input });
		expect(stderr).toBe("kernel: simulated\n");
		expect(stdout).toMatch(/\n\d+ allocations made to fail: \d+ ok\n$/);
		expect(status).toBe(0);
	});
});

describe("--inject", () => {
	test("answers calls without making them, on a command and on a script", () => {
		const one = iommuctl(["ioas", "alloc", "--kernel", "sim", "--inject", "IOMMU_IOAS_ALLOC:error=ENOMEM"]);
		expect(one.status).toBe(1);
		expect(one.stderr).toContain("kernel: simulated, with faults injected\n");
		expect(one.stderr).toContain("IOMMU_IOAS_ALLOC: ENOMEM (12)");
		const input = "ioas alloc\nioas alloc\nexpect EMFILE ioas alloc\nioas alloc\nexpect EMFILE ioas alloc\n";
		const many = iommuctl(["run", "-", "--kernel", "sim", "--inject", "IOMMU_IOAS_ALLOC:error=EMFILE:when=3+2"], { input });
		expect(many.stderr).toBe("kernel: simulated, with faults injected\n");
		expect(many.status).toBe(0);
		expect(many.stdout).toContain("out_ioas_id=3");
	});

	test("wrong usage", () => {
		expect(iommuctl(["ioas", "alloc", "--inject", "nothing:error=ENOMEM"])).toMatchObject({ status: 2 });
		const inner = iommuctl(["run", "-", "--kernel", "sim"], { input: "ioas alloc --inject ioctl:error=EIO" });
		expect(inner.status).toBe(2);
		expect(inner.stderr).toContain("--inject holds for the whole of a script");
	});

	test("replay sees the difference that it makes", () => {
		const file = "test/fixtures/golden/numbers.jsonl.gz";
		expect(iommuctl(["replay", file]).status).toBe(0);
		expect(iommuctl(["replay", file, "--inject", "ioctl:error=EIO:when=5"]).status).toBe(1);
	});
});
