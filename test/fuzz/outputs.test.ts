/** A finding as files, the program that runs now on disk, and leaks. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runs } from "../../src/fuzz/finding.js";
import { Campaign, Fuzzer, filesOf, nameOf, Running, type Side } from "../../src/fuzz/index.js";
import { Leaks } from "../../src/fuzz/leaks.js";
import { warningSignature } from "../../src/fuzz/signature.js";
import { EEXIST, EINVAL } from "../../src/kernel/errno.js";
import { wrapKernel } from "../../src/kernel/wrap.js";
import { ioctls } from "../../structs/index.js";

import { firstFinding, side } from "./support.js";

const wrong = side("planted", (process) =>
	wrapKernel(process, {
		ioctl(fd, request, arg) {
			const ret = process.ioctl(fd, request, arg);
			return request === ioctls.IOMMU_IOAS_MAP.request && ret === -EEXIST ? -EINVAL : ret;
		},
	}),
);

test("a finding is a trace, a script and a C program, with both answers and the reason in each", async () => {
	const { finding } = await firstFinding(wrong);
	const files = filesOf(finding as NonNullable<typeof finding>, ["sim", "planted"]);
	expect(nameOf(finding as NonNullable<typeof finding>)).toMatch(/^1-\d+-ioas-map-[0-9a-f]{4}$/);
	expect(files.map(({ ending }) => ending)).toEqual([".jsonl", ".iommu", ".c"]);
	for (const { text } of files) {
		expect(text).toContain("EEXIST");
		expect(text).toContain("EINVAL");
		expect(text).toContain("ioas-map.iova-mapped");
	}
	expect(files[1].text).toMatch(/^expect EINVAL raw IOMMU_IOAS_MAP .*ioas_id=\$call1\.out_ioas_id/m);
});

test("the program that runs is on the disk, and a later run names what did not come back", async () => {
	const folder = mkdtempSync(join(tmpdir(), "out-"));
	const running = new Running(folder);
	expect(await running.left()).toBeUndefined();
	const program = new Campaign({ seed: 4 }).program(2);
	running.begin(program);
	expect(existsSync(running.file)).toBe(true);
	const next = new Running(folder);
	const left = await next.left();
	expect(left).toEqual({ name: "4-2", file: join(folder, "broken-4-2.jsonl") });
	expect(readFileSync(left?.file ?? "", "utf8").split("\n").length).toBe(program.steps.length + 4);
	expect([next.broken(4), next.broken(5)]).toEqual([[2], []]);
	next.begin(program);
	next.end();
	expect(await new Running(folder).left()).toBeUndefined();
	// Power was lost while it was written: the program had not begun.
	writeFileSync(next.file, '{"trace":"iomm');
	expect(await new Running(folder).left()).toBeUndefined();
});

test("of what is in the folder nothing is lost", async () => {
	const folder = mkdtempSync(join(tmpdir(), "out-"));
	const running = new Running(folder);
	const campaign = new Campaign({ seed: 4 });
	const left = async (number: number, as = number) => {
		running.begin({ ...campaign.program(number), number: as });
		return (await running.left())?.file;
	};
	const files = [1, 2].map((at) => join(folder, `broken-4-1${at === 1 ? "" : `.${at}`}.jsonl`));
	expect(await left(1)).toBe(files[0]);
	const before = readFileSync(files[0], "utf8");
	// Another iommuctl drew another program of this number.
	expect(await left(2, 1)).toBe(files[1]);
	expect(await left(1)).toBe(files[0]);
	expect(readFileSync(files[0], "utf8")).toBe(before);
	expect(running.broken(4)).toEqual([1, 1]);
	writeFileSync(running.file, "mine");
	await expect(running.left()).rejects.toThrow("running.jsonl is not the program of an interrupted run, and would be overwritten");
});

test("while a program is written, the one before is still there, and nothing is left when all came back", () => {
	const folder = mkdtempSync(join(tmpdir(), "out-"));
	const running = new Running(folder);
	const campaign = new Campaign({ seed: 4 });
	running.begin(campaign.program(0));
	const before = readFileSync(running.file, "utf8");
	// What a stop in the middle leaves.
	writeFileSync(join(folder, "running.next"), before.slice(0, 50));
	expect(readFileSync(running.file, "utf8")).toBe(before);
	const steps = {
		[Symbol.iterator]: () => {
			throw new Error("stopped");
		},
	};
	expect(() => running.begin({ ...campaign.program(1), steps: steps as never })).toThrow("stopped");
	expect(readFileSync(running.file, "utf8")).toBe(before);
	running.begin(campaign.program(1));
	expect(readFileSync(running.file, "utf8")).not.toBe(before);
	running.end();
	expect(readdirSync(folder)).toEqual([]);
});

test("a warning in the log is a finding, reduced to the steps that lead to it", async () => {
	const log: string[] = [];
	const warns: Side = {
		...side("warns", (process) =>
			wrapKernel(process, {
				ioctl(fd, request, arg) {
					if (request === ioctls.IOMMU_IOAS_COPY.request)
						log.push("WARNING: drivers/iommu/iommufd/x.c:12 at iopt_copy+0x12/0x30, CPU#1: node/12");
					return process.ioctl(fd, request, arg);
				},
			}),
		),
		warnings: () => log.splice(0).map((line) => [line]),
	};
	const { finding } = await firstFinding(warns);
	expect(finding?.signature).toEqual({ kind: "warning", call: "iopt_copy", right: "WARNING" });
	expect(finding?.steps.map((step) => (step.op === "ioctl" ? step.request : step.op))).toEqual(["open", "IOMMU_IOAS_COPY"]);
	expect(finding?.lines?.[0]).toContain("iopt_copy");
});

test("a call that warns and is answered differently shows in the warning's steps", async () => {
	const log: string[] = [];
	const warns: Side = {
		...side("warns", (process) =>
			wrapKernel(process, {
				ioctl(fd, request, arg) {
					if (request !== ioctls.IOMMU_IOAS_COPY.request) return process.ioctl(fd, request, arg);
					log.push("BUG: KASAN: slab-use-after-free in iopt_copy+0x12/0x30");
					return -EEXIST;
				},
			}),
		),
		warnings: () => log.splice(0).map((line) => [line]),
	};
	const { finding } = await firstFinding(warns);
	expect(finding?.signature).toMatchObject({ kind: "warning", call: "iopt_copy" });
	expect(finding?.steps.at(-1)).toMatchObject({ request: "IOMMU_IOAS_COPY" });
	expect(finding?.steps.length).toBeLessThanOrEqual(2);
});

test("a warning behind a known one is a finding, and so is one that comes when the program has ended", async () => {
	const log: string[] = [];
	const known = [{ kind: "warning", call: "known_f", why: "it is" }] as const;
	const warns: Side = {
		...side("warns", (process) =>
			wrapKernel(process, {
				ioctl(fd, request, arg) {
					if (request === ioctls.IOMMU_IOAS_COPY.request) log.push("WARNING: at known_f+0x1", "WARNING: at new_f+0x1");
					return process.ioctl(fd, request, arg);
				},
			}),
		),
		warnings: () => log.splice(0).map((line) => [line]),
	};
	const campaign = new Campaign({ seed: 1 });
	const fuzzer = new Fuzzer({ campaign, left: side("sim"), leftDrew: true, right: warns, known });
	const found = [];
	let number = 0;
	while (found.length === 0) found.push(...(await fuzzer.run(number++)).findings);
	expect(found.map(({ signature }) => signature.call)).toEqual(["new_f"]);
	log.push("BUG: KASAN: slab-use-after-free in late_f+0x1/0x2");
	const [finding] = (await fuzzer.run(number)).findings;
	expect(finding.signature.call).toBe("late_f");
	expect(finding.steps.length).toBe(campaign.program(number - 1).steps.length);
});

test("a file that a call opened without telling its number is a leak", async () => {
	const strays: string[] = [];
	const keeps: Side = {
		...side("keeps", (process) =>
			wrapKernel(process, {
				ioctl(fd, request, arg) {
					const ret = process.ioctl(fd, request, arg);
					if (request === ioctls.IOMMU_FAULT_QUEUE_ALLOC.request && ret < 0) strays.push("anon_inode:[iommufd-fault]");
					return ret;
				},
			}),
		),
		strays: () => strays.splice(0),
	};
	const { finding } = await firstFinding(keeps);
	expect(finding?.signature).toEqual({ kind: "leak", call: "a file without a number" });
	expect(finding?.steps).toMatchObject([{ request: "IOMMU_FAULT_QUEUE_ALLOC" }]);
	expect(finding?.lines).toEqual(["anon_inode:[iommufd-fault] is open, and no call told its number"]);
});

test("warnings are the same whatever their addresses and processes", () => {
	expect(warningSignature("WARNING: CPU: 1 PID: 77 at drivers/x.c:12 iopt_f+0x1/0x2")).toEqual(
		warningSignature("WARNING: CPU: 0 PID: 99 at drivers/x.c:12 iopt_f+0x1/0x2"),
	);
	expect(warningSignature("WARNING: drivers/x.c:12 at iopt_f.constprop.0.isra.3+0x1/0x2")).toEqual(
		warningSignature("WARNING: drivers/x.c:9 at iopt_f+0x1/0x2"),
	);
	expect(warningSignature("BUG: KASAN: slab-use-after-free in iopt_f+0x1/0x2")).toEqual({
		kind: "warning",
		call: "iopt_f",
		right: "KASAN: slab-use-after-free",
	});
});

test("memory that stays locked, and files that stay open, are leaks", async () => {
	for (const what of ["locked", "files"] as const) {
		const counts = { files: 1000, locked: 0, slab: 5000 };
		const leaking = side("leaks", (process) =>
			wrapKernel(process, {
				ioctl(fd, request, arg) {
					const ret = process.ioctl(fd, request, arg);
					if (request === ioctls.IOMMU_FAULT_QUEUE_ALLOC.request && ret === 0) counts[what] += 4;
					return ret;
				},
			}),
		);
		const right = { ...leaking, counters: () => ({ ...counts }) };
		const leaks = new Leaks(side("sim"), right, { round: 8, slack: 16, repeats: 10 });
		// A warning that the kernel gives tells of it already.
		counts[what] += 1000;
		expect(await leaks.after({ ...new Campaign({ seed: 1 }).program(0), leftovers: [] }, true)).toBeUndefined();
		const campaign = new Campaign({ seed: 1 });
		let found: Awaited<ReturnType<Leaks["after"]>>;
		for (let number = 0; number < 100 && found === undefined; number++) {
			const program = campaign.program(number);
			runs(program.steps, right);
			found = await leaks.after(program);
		}
		expect(found?.signature).toEqual({ kind: "leak", call: what === "locked" ? "locked memory" : "open files" });
		expect(found?.steps.map((step) => (step.op === "ioctl" ? step.request : step.op))).toEqual(["open", "IOMMU_FAULT_QUEUE_ALLOC"]);
	}
});
