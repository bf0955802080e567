/** iommuctl run. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { documents, iommuctl, root, script, temporaryFolder } from "./cli.js";

describe("run", () => {
	const folder = temporaryFolder();

	test("one context for all lines; names keep IDs and fields", () => {
		const ran = script([
			"# a comment",
			"",
			"ioas = ioas alloc  # the first",
			"device = selftest mock-domain $ioas",
			"destroy $device.out_hwpt_id --expect EBUSY",
			// biome-ignore lint/suspicious/noTemplateCurlyInString: the run language's own
			"expect EBUSY destroy ${device.idev_id}",
		]);
		expect(ran.status).toBe(0);
		expect(ran.stdout).toContain("> ioas = ioas alloc  # the first\n  ok  IOMMU_IOAS_ALLOC  out_ioas_id=1\n");
		expect(ran.stdout.trimEnd().endsWith("4 commands: 4 ok")).toBe(true);
		expect(ran.stderr).toBe("kernel: simulated\n");
	});

	test("quotes, and a \\ at the end joins the next line", () => {
		const ran = script([
			"ioas alloc",
			"ioas map 1 \\",
			"   --length 8k \\",
			"   --iova '0x1000' # there",
			'b = mem alloc "4k"',
			'mem write $b --text "a $b"',
			"mem read $b 2",
		]);
		expect(ran.status).toBe(0);
		expect(ran.stdout).toContain("> ioas map 1 --length 8k --iova '0x1000' # there\n");
		expect(ran.stdout).toContain("61 20 ");
		expect(ran.stdout).toContain("5 commands: 5 ok");
	});

	test("stops at the first failure, with file and line; exit 1", () => {
		writeFileSync(join(folder, "my.iommu"), "ioas alloc\n\ndestroy 7\nioas alloc\n");
		const { status, stdout, stderr } = iommuctl(["run", "my.iommu", "--kernel", "sim"], { cwd: folder });
		expect(status).toBe(1);
		expect(stderr).toContain("my.iommu:3: destroy 7\n");
		expect(stdout).toContain("2 commands: 1 ok, 1 failed, 1 line not reached\n");
	});

	test("--keep-going goes on, and still exits 1", () => {
		const { status, stdout } = script(["destroy 7", "ioas alloc"], "--keep-going");
		expect(status).toBe(1);
		expect(stdout).toContain("out_ioas_id=1");
		expect(stdout).toContain("2 commands: 1 ok, 1 failed\n");
	});

	test.each([
		["destroy $ioas", 2, "stdin:2:9: $ioas is not known", "an earlier line must say `ioas = COMMAND`"],
		["a = ioas unmap 1 --all\ndestroy $a", 2, "stdin:3:9: $a has no value of its own", "it has $a.size"],
		["a = ioas unmap 1 --all\ndestroy $a.lenght", 2, "stdin:3:9: $a has no field lenght", "$a.length"],
		["b = fault alloc\ndestroy $bb", 2, "stdin:3:9: $bb is not known", "did you mean b?"],
	])("a variable that is not there: %s", (lines, exit, message, hint) => {
		const { status, stderr } = script(["ioas alloc", ...lines.split("\n")]);
		expect(status).toBe(exit);
		expect(stderr).toContain(`error: ${message}\n`);
		expect(stderr).toContain(hint);
	});

	test.each([
		["mem alloc 'x", "stdin:2:11: a ' is not closed"],
		["1a = ioas alloc", 'stdin:2:1: "1a" cannot be a name'],
		["a=1", 'stdin:2:1: "a=1" is not a command'],
		["expect ENOENT", "stdin:2:1: `expect` needs an errno and a command"],
		["a =", "stdin:2:4: a command is missing"],
		["destroy $", "stdin:2:9: a `$` without a name after it"],
	])("a script that cannot be read runs not at all: %s", (line, message) => {
		const { status, stdout, stderr } = script(["ioas alloc", line]);
		expect(status).toBe(2);
		expect(stdout).toBe("");
		expect(stderr).toContain(`error: ${message}`);
	});

	test.each([
		["destroy \\\n\t$nope", "3:2: $nope is not known"],
		["let x = 1 + \\\n  $nope", "3:3: $nope is not known"],
		["repeat 2 { destroy $nope }", "2:20: $nope is not known"],
		["for x in 1 $nope { echo $x }", "2:12: $nope is not known"],
		["sleep $nope", "2:7: $nope is not known"],
		["if 1 == $nope { echo x }", "2:9: $nope is not known"],
		["function f a { destroy $a }\nf $nope", "3:3: $nope is not known"],
		["x = ioas map 1 --lenght 4k", "2:16: x = ioas map 1 --lenght 4k"],
		["ioas map 1 \\\n --length=4x", "3:2: ioas map 1 --length=4x"],
		["ioas map 1 --length 4x # 4x", "2:21: ioas map 1 --length 4x # 4x"],
		["mem advise 0 4k dontnead", "2:17: mem advise 0 4k dontnead"],
		["destroy 77", "2: destroy 77"],
	])("what is wrong in a line has its line and column: %s", (lines, place) => {
		expect(script(["ioas alloc", lines]).stderr).toContain(`stdin:${place}\n`);
	});

	test("wrong usage in a line is exit 2 and names the line", () => {
		const { status, stderr } = script(["ioas alloc", "ioas mpa"]);
		expect(status).toBe(2);
		expect(stderr).toContain("error: unknown command 'mpa'");
		expect(stderr).toContain("stdin:2:6: ioas mpa\n");
		expect(script(["ioas alloc --kernel sim"]).stderr).toContain("--kernel holds for the whole of a script");
	});

	test("--json: a document for each command, with file, line and name, and a summary", () => {
		const found = documents(script(["echo hello", "a = ioas alloc", "destroy 9"], "--json"));
		expect(found).toHaveLength(3);
		expect(found[0]).toMatchObject({ schema: "iommuctl.call", file: "stdin", line: 2, name: "a", id: 1 });
		expect(found[1]).toMatchObject({ ok: false, line: 3, name: null });
		expect(found[2]).toMatchObject({
			schema: "iommuctl.run",
			version: 1,
			kernel: "sim",
			commands: 2,
			failed: [{ line: 3, command: "destroy 9", exit: 1 }],
			notReached: 0,
			exit: 1,
		});
	});

	test("a script that runs a script shares its context", () => {
		writeFileSync(join(folder, "inner.iommu"), "inner = ioas alloc\n");
		writeFileSync(join(folder, "outer.iommu"), "ioas alloc\nrun inner.iommu\ndestroy $inner\n");
		const { status, stdout } = iommuctl(["run", "outer.iommu", "--kernel", "sim"], { cwd: folder });
		expect(status).toBe(0);
		expect(stdout).toContain("out_ioas_id=2");
	});
});

describe("scripts/examples", () => {
	const folder = join(root, "scripts/examples");
	const files = readdirSync(folder);

	test("are there", () => {
		expect(files).toEqual(
			expect.arrayContaining(
				["nested-translation", "page-fault", "virtual-event", "dirty-tracking", "vfio-compat"].map((name) => `${name}.iommu`),
			),
		);
	});

	test.each(files)("%s runs, logs nothing, and says how to run it", (file) => {
		const text = readFileSync(join(folder, file), "utf8");
		expect(text).toContain(`iommuctl run scripts/examples/${file}`);
		// run as it says; what shows faults and failures logs them
		const more = new RegExp(`iommuctl run scripts/examples/${file}(.*)`).exec(text)?.[1].split(" ").filter(Boolean) ?? [];
		const faulty = text.includes("require kernel sim");
		const ran = script(faulty ? [text] : [text, "kernel log"], ...more);
		expect(ran.stderr).toMatch(/^kernel: simulated.*\n$/);
		expect(ran.status).toBe(0);
		expect(ran.stdout).toMatch(faulty ? /\n\d+ commands: \d+ ok\n$/ : /> kernel log\n\d+ commands: \d+ ok\n$/);
	});
});

describe("examples on a machine with one kind of IOMMU", () => {
	const folder = join(root, "scripts/examples");
	/** what an example requires decides where it runs */
	const files = readdirSync(folder).map((file) => {
		const text = readFileSync(join(folder, file), "utf8");
		const kinds = [...text.matchAll(/^require device (vtd|smmuv3|tegra241|amd|riscv|siov0)\b/gm)].map(([, kind]) =>
			kind === "siov0" ? "vtd" : kind,
		);
		return { file, kinds: [...new Set(kinds)], uapi: /Run it.* (--uapi \S+)/.exec(text)?.[1].split(" ") ?? [] };
	});

	test.each(files.filter(({ kinds }) => kinds.length === 1))(
		"$file runs on $kinds, and says elsewhere what there is",
		({ file, kinds, uapi }) => {
			const on = (machine: string) => iommuctl(["run", join(folder, file), "--kernel", "sim", "--machine", machine, ...uapi]);
			const own = on(kinds[0]);
			expect(own.stderr + own.stdout.slice(-300)).toMatch(/\d+ commands: \d+ ok\n$/);
			expect(own.status).toBe(0);
			const other = ["vtd", "amd"].find((kind) => kind !== kinds[0]) as string;
			const elsewhere = on(other);
			expect(elsewhere.status).toBe(77);
			expect(elsewhere.stdout).toMatch(new RegExp(`skipped: .*: machine ${other} offers vfio0 to vfio\\d+ behind ${other} \\(solo, `));
		},
	);
});

test.each(["riscv", "amd", "selftest"])("no example fails on machine %s: it runs there or is skipped", (machine) => {
	const files = readdirSync(join(root, "scripts/examples")).map((file) => join("scripts/examples", file));
	const { status, stdout } = iommuctl(["run", ...files, "--kernel", "sim", "--machine", machine, "--format", "ktap", "--jobs", "1"]);
	expect(stdout.split("\n").filter((line) => /^not ok/.test(line))).toEqual([]);
	expect(status).toBe(0);
});

describe("scripts that iommuctl comes with", () => {
	const elsewhere = temporaryFolder();

	test("--list shows them, and what each is about", () => {
		const { status, stdout } = iommuctl(["run", "--list"], { cwd: elsewhere });
		expect(status).toBe(0);
		expect(stdout).toMatch(/^ {2}example:nested-translation +Nested translation, as a virtual machine monitor sets it up/m);
		expect(stdout).toMatch(/^ {2}repro:e4395701330f-user-address-overflow +User addresses that wrap\.$/m);
		const { scripts } = JSON.parse(iommuctl(["run", "--list", "--json"]).stdout) as {
			scripts: { name: string; file: string; about: string }[];
		};
		const files = ["examples", "repro"].flatMap((folder) => readdirSync(join(root, "scripts", folder)));
		expect(scripts).toHaveLength(files.length);
		for (const { name, file, about } of scripts) {
			expect(existsSync(file), name).toBe(true);
			expect(about.length, name).toBeGreaterThan(15);
		}
	});

	test.each(["example:vfio-compat", "example:vfio-c", "example:vfio-compat.iommu", "repro:6ebf2eb46fbd"])("run %s", (name) => {
		const { status, stdout } = iommuctl(["run", name, "--kernel", "sim"], { cwd: elsewhere });
		expect(status).toBe(0);
		expect(stdout).toMatch(/\d+ commands: \d+ ok\n$/);
	});

	test.each([
		[
			["run", "example:nested-trnslation"],
			"error: example:nested-trnslation: there is no such script\n  did you mean example:nested-translation",
		],
		[
			["run", "example:v"],
			"error: example:v is ambiguous\n  it may be example:vfio-compat, example:vfio-interrupts, example:virtual-event, example:vtd-nested\n",
		],
		[["run", "repro:"], "error: repro:: there is no such script\n"],
		[["run"], "error: FILE is missing\n"],
		[["run", "x.iommu", "--list"], "error: --list runs no script\n"],
	])("%j is wrong usage", (args, message) => {
		const { status, stderr } = iommuctl(args, { cwd: elsewhere });
		expect(status).toBe(2);
		expect(stderr).toContain(message);
	});
});

describe("a script without a command", () => {
	test.each([
		["nothing", ""],
		["comments", "# one\n\n# two\n"],
	])("is not run: %s", (_, input) => {
		for (const args of [
			["run", "-"],
			["run", "-", "--format", "junit"],
			["run", "-", "--json"],
			["fail-nth", "-"],
		]) {
			const { status, stderr } = iommuctl([...args, "--kernel", "sim"], { input });
			expect(stderr).toBe("error: stdin: nothing to run\n  the script is empty\n");
			expect(status).toBe(2);
		}
	});
});
