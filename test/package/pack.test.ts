/** Packs the package, installs it and runs it. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "iommuctl-pack-"));
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(command: string, args: readonly string[], cwd = folder): string {
	return execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

describe("the package, packed and installed in an empty folder", () => {
	let packed: string[] = [];

	beforeAll(() => {
		run("npm", ["pack", "--ignore-scripts", "--pack-destination", folder], root);
		const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz")) as string;
		packed = run("tar", ["-tzf", tarball]).trim().split("\n");
		writeFileSync(join(folder, "package.json"), '{"name":"empty","private":true}');
		// It depends on no other package, so this needs no registry, and no install script can fail.
		run("npm", ["install", "--offline", "--no-audit", "--no-fund", join(folder, tarball)]);
	}, 120_000);

	test("npx iommuctl --version prints the version", () => {
		expect(run("npx", ["--no-install", "iommuctl", "--version"])).toBe(`${version}\n`);
	});

	test("has what it needs and nothing else", () => {
		expect(packed).toContain("package/bin/iommuctl.js");
		expect(packed).toContain("package/dist/main.cjs");
		expect(packed).toContain("package/LICENSE");
		expect(packed.filter((name) => /^package\/(?:src|test|structs|bench|node_modules)\//.test(name))).toEqual([]);
		expect(readdirSync(join(folder, "node_modules")).filter((name) => !name.startsWith("."))).toEqual(["iommuctl"]);
	});

	test("includes FFI, which loads from there", () => {
		const load = 'require("ref-napi"); console.log(typeof require("ffi-napi/lib/bindings").ffi_call)';
		const dist = join(folder, "node_modules/iommuctl/dist");
		expect(run(process.execPath, ["-e", load], dist)).toBe("function\n");
	});

	test("installed for everyone: the man page is where man looks, the examples are found from any folder", () => {
		const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz")) as string;
		const prefix = join(folder, "prefix");
		run("npm", ["install", "--global", "--prefix", prefix, "--offline", "--no-audit", "--no-fund", join(folder, tarball)]);
		const page = readFileSync(join(prefix, "share/man/man1/iommuctl.1"), "utf8");
		expect(page).toBe(readFileSync(join(root, "man/iommuctl.1"), "utf8"));
		const iommuctl = join(prefix, "bin/iommuctl");
		expect(run(iommuctl, ["run", "--list"])).toMatch(/^ {2}example:nested-translation /m);
		expect(run(iommuctl, ["run", "example:nested-translation", "--kernel", "sim", "-q"])).toBe("");
		expect(run(iommuctl, ["run", "repro:6ebf2eb46fbd", "--kernel", "sim"])).toMatch(/ ok\n$/);
	}, 60_000);

	test("includes the licences of the bundled packages", () => {
		const licences = readFileSync(join(folder, "node_modules/iommuctl/dist/LICENSES.txt"), "utf8");
		expect(licences).toMatch(/^commander \d+\.\d+\.\d+ \(MIT\)$/m);
	});
});

describe("the launcher", () => {
	test("says how to build if nothing is built", () => {
		const bare = mkdtempSync(join(tmpdir(), "iommuctl-bare-"));
		try {
			run("cp", ["-r", join(root, "bin"), join(root, "package.json"), bare], root);
			const failed = (() => {
				try {
					return run(process.execPath, [join(bare, "bin/iommuctl.js"), "--version"], bare);
				} catch (error) {
					return error as { status: number; stderr: string };
				}
			})();
			expect(failed).toMatchObject({ status: 3, stderr: expect.stringMatching(/^iommuctl: not built yet: run `npm run build`.*\n$/) });
		} finally {
			rmSync(bare, { recursive: true, force: true });
		}
	});
});
