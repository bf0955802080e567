/** Words, options, exit codes and output ends of the command line. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { iommuctl, iommuctlProcess, root } from "./cli.js";

describe("the command line", () => {
	test("--version is the package's", () => {
		const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
		expect(iommuctlProcess(["--version"])).toEqual({ status: 0, stdout: `${version}\n`, stderr: "" });
	});

	test("without anything: help on stderr, exit 2", () => {
		const ran = iommuctlProcess([]);
		expect(ran.status).toBe(2);
		expect(ran.stdout).toBe("");
		expect(ran.stderr).toContain("Usage: iommuctl OBJECT ACTION");
	});

	test("--help: every object, examples, exit codes, on stdout", () => {
		const { status, stdout } = iommuctlProcess(["--help"]);
		expect(status).toBe(0);
		for (const object of ["device", "ioas", "hwpt", "fault", "veventq", "selftest", "run", "replay"])
			expect(stdout).toMatch(new RegExp(`^  ${object} `, "m"));
		expect(stdout).toContain("Examples:");
		expect(stdout).toContain("Exit codes:");
	});

	test("help OBJECT ACTION is OBJECT ACTION --help", () => {
		const asked = iommuctl(["help", "ioas", "map"]);
		expect(asked.status).toBe(0);
		expect(asked.stdout).toBe(iommuctl(["ioas", "map", "--help"]).stdout);
		expect(asked.stdout).toContain("Fields of struct iommu_ioas_map:");
		expect(asked.stdout).toMatch(/--user-va <address> +the memory to map/);
		expect(asked.stdout).toContain("FIXED_IOVA, WRITEABLE, READABLE");
		expect(asked.stdout).toContain("Examples:");
	});

	test("an object alone: its actions, exit 2", () => {
		const { status, stderr } = iommuctl(["hwpt"]);
		expect(status).toBe(2);
		expect(stderr).toMatch(/^ {2}dirty-read /m);
	});

	test.each([
		[["iosa", "alloc"], "error: unknown command 'iosa'\n  did you mean ioas?\n"],
		[["ioas", "unmpa"], "error: unknown command 'unmpa'\n  did you mean unmap?\n"],
		[["ioas", "map", "1", "--lenght", "4k"], "error: unknown option '--lenght'\n  did you mean --length?\n"],
		[["ioas", "map", "1", "--flags", "READBLE"], 'error: --flags: "READBLE" is not known; did you mean READABLE?\n'],
		[["ioas", "map", "1", "--set", "lenght=1"], 'error: struct iommu_ioas_map has no field "lenght"\n  did you mean length?\n'],
		[["ioas", "map", "one"], 'error: IOAS: "one" is not a number; write 4096, 0x1000, 4k, 2M or 1G\n'],
		[["ioas", "map", "1", "--ioas-id", "1"], "error: --ioas-id is given already, by position\n"],
		[["ioas", "unmap"], "error: IOAS is missing\n  give it by position or as --ioas-id\n"],
		[
			["ioas", "alloc", "1"],
			"error: too many arguments for 'alloc'. Expected 0 arguments but got 1.\n  iommuctl ioas alloc --help shows how\n",
		],
		[["ioas", "alloc", "--expect", "ENOET"], 'error: "ENOET" is not the name of an errno\n  did you mean ENOENT'],
		[["ioas", "alloc", "--tail", "0g"], 'error: --tail: "g" is not a hex digit\n'],
		[["ioas", "alloc", "--fd", "x"], 'error: --fd: "x" is not a file descriptor\n'],
		[
			["ioas", "alloc", "--kernel", "hurd"],
			"error: option '--kernel <which>' argument 'hurd' is invalid. Allowed choices are auto, real, sim.\n",
		],
		[["struct", "show", "ioas_mpa"], 'error: no struct is named "ioas_mpa"\n  did you mean ioas_map'],
		[["raw", "IOAS_ALOC"], 'error: no call is named "IOAS_ALOC"\n  did you mean IOAS_ALLOC'],
		[["run", "/no/such/file"], "error: /no/such/file: no such file\n"],
		[["fault", "read", "3", "--kernel", "sim"], "error: no fault queue 3 was allocated here\n"],
		[["struct", "list", "--quiet"], "error: unknown option '--quiet'\n"],
	])("%j: one clear line, exit 2", (args, message) => {
		const { status, stdout, stderr } = iommuctl(args);
		expect(stderr).toContain(message);
		expect(stderr).not.toMatch(/^\s+at /m);
		expect(stdout).toBe("");
		expect(status).toBe(2);
	});

	test("with --json what is wrong is a document too", () => {
		const { status, stdout } = iommuctl(["ioas", "mpa", "--json"]);
		expect(status).toBe(2);
		expect(JSON.parse(stdout)).toEqual({
			schema: "iommuctl.error",
			version: 1,
			kind: "usage",
			exit: 2,
			message: "unknown command 'mpa'",
			hint: "did you mean map?",
		});
	});

	test("common options may stand before the object", () => {
		expect(iommuctlProcess(["--kernel", "sim", "-q", "ioas", "alloc"])).toEqual({ status: 0, stdout: "1\n", stderr: "" });
	});
});

describe("colour", () => {
	const escapeCode = "\u001b[";
	test("none into a pipe; FORCE_COLOR and --color always bring it, NO_COLOR and --color never take it away", () => {
		const args = ["ioas", "alloc", "--kernel", "sim"];
		expect(iommuctlProcess(args).stdout).not.toContain(escapeCode);
		expect(iommuctlProcess(args, { env: { FORCE_COLOR: "1" } }).stdout).toContain(escapeCode);
		expect(iommuctl(args, { env: { FORCE_COLOR: "1", NO_COLOR: "1" } }).stdout).not.toContain(escapeCode);
		expect(iommuctl([...args, "--color", "always"], { env: { NO_COLOR: "1" } }).stdout).toContain(escapeCode);
		expect(iommuctl([...args, "--color=never"], { env: { FORCE_COLOR: "1" } }).stdout).not.toContain(escapeCode);
		expect(iommuctl(["ioas", "--help"], { env: { FORCE_COLOR: "1" } }).stdout).toContain(escapeCode);
		expect(iommuctl(["ioas", "--help"]).stdout).not.toContain(escapeCode);
	});
});

describe("the real kernel where there is none", () => {
	test.skipIf(iommuHere())("--kernel real: exit 3, and what to do", () => {
		const { status, stdout, stderr } = iommuctlProcess(["ioas", "alloc", "--kernel", "real"]);
		expect(status).toBe(3);
		expect(stdout).toBe("");
		expect(stderr).toMatch(/error: .*\/dev\/iommu.*\n {2}.*--kernel sim/);
	});

	test.each(["ioas alloc", "raw IOMMU_IOAS_ALLOC", "kernel", "ioas alloc --kernel real", "session start"])(
		"%s --fd: what is not open, or no /dev/iommu (Node's own files too), is refused before anything is sent",
		(command) => {
			for (const fd of ["0", "1", "4", "7", "999"]) {
				const run = command === "ioas alloc" ? iommuctlProcess : iommuctl;
				const { status, stdout, stderr } = run([...command.split(" "), "--fd", fd]);
				expect(status).toBe(3);
				expect(stdout).toBe("");
				expect(stderr).toMatch(new RegExp(`^error: --fd ${fd}: file ${fd} is (not open|.*, not /dev/iommu)\n {2}open it in the shell`));
			}
		},
	);

	test.skipIf(iommuHere())("auto says that it is simulated, and why", () => {
		const { status, stderr } = iommuctl(["ioas", "alloc"]);
		expect(status).toBe(0);
		expect(stderr).toMatch(/^kernel: simulated \(.*\/dev\/iommu.*\)\n$/);
		expect(JSON.parse(iommuctl(["ioas", "alloc", "--json"]).stdout).kernel).toBe("sim");
	});
});

function iommuHere(): boolean {
	try {
		readFileSync("/dev/iommu");
		return true;
	} catch (error) {
		return (error as NodeJS.ErrnoException).code !== "ENOENT";
	}
}
