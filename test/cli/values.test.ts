/** Values reach the shell: --get, -q, `fields` and `names` in JSON, IOMMUCTL_KERNEL and IOMMUCTL_MACHINE. */
import { describe, expect, test } from "vitest";
import { documents, iommuctl, script } from "./cli.js";

const sim = (...args: string[]) => iommuctl([...args, "--kernel", "sim"]);

describe("--get", () => {
	test.each([
		[["ioas", "alloc", "--get", "out_ioas_id"], "1\n"],
		[["ioas", "alloc", "--get", "ioas_id"], "1\n"],
		[["mem", "alloc", "8k", "--get", "length"], "0x2000\n"],
		[["destroy", "9", "--expect", "ENOENT", "--get", "errno"], "2\n"],
	])("%j", (args, text) => {
		expect(sim(...args)).toEqual({ status: 0, stdout: text, stderr: "" });
	});

	test("of a command that fails prints nothing on stdout", () => {
		const { status, stdout, stderr } = sim("destroy", "9", "--get", "id");
		expect([status, stdout]).toEqual([1, ""]);
		expect(stderr).toContain("failed  IOMMU_DESTROY: ENOENT");
	});

	test("of a field that is not there names those that are", () => {
		const { status, stderr } = sim("ioas", "alloc", "--get", "idev_id");
		expect(status).toBe(2);
		expect(stderr).toBe("error: --get: the answer has no field idev_id\n  it has size, flags, out_ioas_id, ret\n");
		expect(sim("ioas", "alloc", "--get", "ret", "--json").stderr).toContain("--json and --get cannot both be given");
	});

	test("in a session, as the shell does it", () => {
		const mock = script(["ioas alloc", "d = selftest mock-domain 1 --get idev_id", "check $d.idev_id == 3"]);
		expect(mock.stdout).toContain("> d = selftest mock-domain 1 --get idev_id\n  3\n");
	});
});

test("-q prints the ID, and nothing on stderr", () => {
	expect(sim("ioas", "alloc", "-q")).toEqual({ status: 0, stdout: "1\n", stderr: "" });
	expect(iommuctl(["run", "-", "-q", "--kernel", "sim"], { input: "ioas alloc" })).toEqual({ status: 0, stdout: "", stderr: "" });
});

test("JSON has the fields by their names, and the names of constants", () => {
	const [, map, buffer] = documents(script(["ioas alloc", "ioas map 1 --length 4k --iova 0x1000", "mem alloc 4k"], "--json"));
	expect(map).toMatchObject({
		fields: { ret: 0, flags: 7, ioas_id: 1, length: "0x1000", iova: "0x1000" },
		names: { flags: "FIXED_IOVA|WRITEABLE|READABLE" },
	});
	expect(Object.keys(map.fields)).not.toContain("__reserved");
	expect(buffer).toMatchObject({ fields: { length: "0x1000" } });
});

describe("the environment chooses the kernel", () => {
	const run = (args: string[], env: Record<string, string>) => iommuctl(args, { env });

	test("and that is said", () => {
		const { status, stderr } = run(["ioas", "alloc"], { IOMMUCTL_KERNEL: "sim", IOMMUCTL_MACHINE: "amd" });
		expect(status).toBe(0);
		expect(stderr).toBe("kernel: simulated (machine amd; by IOMMUCTL_KERNEL and IOMMUCTL_MACHINE)\n");
		expect(run(["ioas", "alloc"], { IOMMUCTL_KERNEL: "sim" }).stderr).toBe("kernel: simulated (by IOMMUCTL_KERNEL)\n");
	});

	test("options win", () => {
		expect(run(["ioas", "alloc", "--kernel", "sim"], { IOMMUCTL_KERNEL: "real" }).stderr).toBe("kernel: simulated\n");
		expect(run(["ioas", "alloc", "--machine", "vtd"], { IOMMUCTL_MACHINE: "amd" }).stderr).toBe("kernel: simulated (machine vtd)\n");
	});

	test("what is not a kernel or a machine is wrong usage", () => {
		const kernel = run(["ioas", "alloc"], { IOMMUCTL_KERNEL: "simulated" });
		expect(kernel.status).toBe(2);
		expect(kernel.stderr).toBe('error: IOMMUCTL_KERNEL: "simulated" is not a kernel\n  it may be auto, real or sim\n');
		const machine = run(["ioas", "alloc", "--kernel", "sim"], { IOMMUCTL_MACHINE: "nothing" });
		expect(machine.status).toBe(2);
		expect(machine.stderr).toMatch(/^error: IOMMUCTL_MACHINE: nothing: no such file, and no built-in machine has that name/);
	});

	test("not where a command takes no kernel, nor a trace's", () => {
		expect(run(["struct", "show", "iommu_ioas_map"], { IOMMUCTL_KERNEL: "nothing" }).status).toBe(0);
	});
});
