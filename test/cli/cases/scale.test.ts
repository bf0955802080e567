/** docs/scale.md: the commands of each engine, run as that engine runs them, give the report of one run. */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { bin, iommuctl, root, temporaryFolder } from "../cli.js";

const folder = temporaryFolder();
const tests = join(folder, "scripts/litmus");
mkdirSync(tests, { recursive: true });
for (const name of ["map-map", "copy-unmap", "unmap-unmap"])
	symlinkSync(join(root, `scripts/litmus/${name}.iommu`), join(tests, `${name}.iommu`));
writeFileSync(join(tests, "elsewhere.iommu"), "require kernel real\nthread a { ioas alloc }\nthread b { ioas alloc }\n");
mkdirSync(join(folder, "bin"));
writeFileSync(join(folder, "bin/iommuctl"), `#!/bin/sh\nexec "${process.execPath}" "${bin}" "$@"\n`);
chmodSync(join(folder, "bin/iommuctl"), 0o755);

function sh(script: string, env: Record<string, string>): number | null {
	const all = { ...process.env, PATH: `${folder}/bin:${process.env.PATH}`, ...env };
	const { status, stderr } = spawnSync("/bin/sh", ["-c", script], { cwd: folder, env: all, encoding: "utf8" });
	if (status !== 0) console.error(stderr);
	return status;
}

const whole = (format: string): string =>
	iommuctl(["litmus", "scripts/litmus", "--kernel", "sim", "--format", format], { cwd: folder }).stdout;
const page = readFileSync(join(root, "docs/scale.md"), "utf8");
const read = (file: string): string => readFileSync(join(folder, file), "utf8");

describe("docs/scale.md", () => {
	it("GitHub's matrix", () => {
		const { jobs } = parse(/```yaml\n(.*?)```/s.exec(page)?.[1] ?? "");
		const step = (job: string, wanted: string): string => jobs[job].steps.find(({ name }: { name?: string }) => name === wanted).run;
		const { shard } = jobs.shard.strategy.matrix;
		for (const one of shard) expect(sh(step("shard", "litmus"), { SHARD: `${one}` })).toBe(0);
		expect(sh(step("report", "merge"), {})).toBe(0);
		expect(read("report.xml")).toBe(whole("junit"));
	});

	it("the Kubernetes Job", () => {
		const { apiVersion, kind, spec } = parse(readFileSync(join(root, "scripts/scale/kubernetes-job.yaml"), "utf8"));
		const [container] = spec.template.spec.containers;
		// What the API demands of a policy for each index.
		expect([apiVersion, kind, spec.completionMode, spec.template.spec.restartPolicy]).toEqual(["batch/v1", "Job", "Indexed", "Never"]);
		expect(spec.backoffLimitPerIndex).toBeTypeOf("number");
		// Its default, which the schema of older versions demands.
		expect(spec.podFailurePolicy.rules[0].onPodConditions).toEqual([{ type: "DisruptionTarget", status: "True" }]);
		const { onExitCodes, action } = spec.podFailurePolicy.rules[1];
		expect([action, onExitCodes]).toEqual(["FailIndex", { containerName: container.name, operator: "In", values: [1, 2, 4] }]);
		const env = Object.fromEntries(container.env.map(({ name, value }: { name: string; value: string }) => [name, value]));
		expect(env.SHARDS).toBe(`${spec.completions}`);
		const results = join(folder, "volume");
		mkdirSync(results);
		for (const index of [0, 1]) {
			const [, ...rest] = [...container.command, ...container.args];
			expect(rest[0]).toBe("-c");
			expect(sh(rest[1], { ...env, SHARDS: "2", RESULTS: results, JOB_COMPLETION_INDEX: `${index}` })).toBe(0);
		}
		expect(sh("iommuctl report merge volume/part-*.xml > volume/report.xml", {})).toBe(0);
		expect(read("volume/report.xml")).toBe(whole("junit"));
	});

	it("the Slurm array", () => {
		const script = readFileSync(join(root, "scripts/scale/slurm-array.sh"), "utf8");
		for (const task of ["1", "2"]) expect(sh(script, { SLURM_ARRAY_TASK_ID: task, SLURM_ARRAY_TASK_COUNT: "2", RESULTS: "slurm" })).toBe(0);
		expect(sh("iommuctl report merge slurm/part-*.xml > slurm/report.xml", {})).toBe(0);
		expect(read("slurm/report.xml")).toBe(whole("junit"));
		// One shard alone: the array's size says nothing then.
		expect(sh(script, { SLURM_ARRAY_TASK_ID: "2", SLURM_ARRAY_TASK_COUNT: "1", SHARDS: "2", RESULTS: "slurm" })).toBe(0);
		expect(sh("iommuctl report merge slurm/part-*.xml > slurm/report.xml", {})).toBe(0);
		expect(read("slurm/report.xml")).toBe(whole("junit"));
	});

	it("a Slurm task on a node that lacks something asks twice to be tried again", () => {
		const script = readFileSync(join(root, "scripts/scale/slurm-array.sh"), "utf8");
		const asked = join(folder, "asked");
		mkdirSync(join(folder, "lacking"));
		writeFileSync(join(folder, "lacking/iommuctl"), "#!/bin/sh\nexit 3\n", { mode: 0o755 });
		writeFileSync(join(folder, "lacking/scontrol"), `#!/bin/sh\necho "$*" >> "${asked}"\n`, { mode: 0o755 });
		const env = {
			PATH: `${folder}/lacking:${process.env.PATH}`,
			SLURM_JOB_ID: "17",
			SLURM_ARRAY_TASK_ID: "1",
			SLURM_ARRAY_TASK_COUNT: "1",
		};
		for (const count of ["", "1", "2"]) expect(sh(script, { ...env, RESULTS: "lacks", SLURM_RESTART_COUNT: count })).toBe(3);
		expect(readFileSync(asked, "utf8")).toBe("requeue 17\nrequeue 17\n");
	});

	it.skipIf(spawnSync("parallel", ["--version"]).status !== 0)("GNU parallel", () => {
		const commands = /```sh\n(seq 4 \| parallel.*?)```/s.exec(page)?.[1] ?? "";
		// 77 of a shard with nothing but a skipped test is parallel's own exit code 1.
		sh(commands, {});
		expect(read("report.ktap")).toBe(whole("ktap"));
	});
});
