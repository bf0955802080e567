/** Tests of where the sockets of sessions are. */
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkName, folderPath, sessionFolder, socketPath } from "../../src/session/paths.js";

const root = process.getuid?.() === 0;
let base: string;

beforeEach(() => {
	base = mkdtempSync(join(tmpdir(), "iommuctl-paths-"));
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

const refused = (text: string) => expect.objectContaining({ kind: "environment", message: expect.stringContaining(text) });

describe("the folder of the sockets", () => {
	it("is below XDG_RUNTIME_DIR, and nobody else's", () => {
		const env = { XDG_RUNTIME_DIR: base };
		expect(sessionFolder(env)).toBeUndefined();
		expect(sessionFolder(env, true)).toBe(join(base, "iommuctl"));
		expect(statSync(join(base, "iommuctl")).mode & 0o7777).toBe(0o700);
		expect(sessionFolder(env, true)).toBe(join(base, "iommuctl"));
	});

	it("is in the temporary folder if XDG_RUNTIME_DIR is not a folder of this user", () => {
		const own = `${base}/iommuctl-${process.getuid?.()}`;
		for (const env of [{}, { XDG_RUNTIME_DIR: "" }, { XDG_RUNTIME_DIR: "relative" }, { XDG_RUNTIME_DIR: join(base, "none") }]) {
			expect(folderPath({ ...env, TMPDIR: `${base}/` })).toBe(own);
		}
		expect(folderPath({})).toBe(`/tmp/iommuctl-${process.getuid?.()}`);
	});

	it.skipIf(!root)("does not go into another user's XDG_RUNTIME_DIR", () => {
		const other = join(base, "run");
		mkdirSync(other);
		chownSync(other, 65534, 65534);
		expect(folderPath({ XDG_RUNTIME_DIR: other, TMPDIR: base })).toBe(`${base}/iommuctl-0`);
	});

	it("is refused if others have access to it", () => {
		const folder = join(base, "iommuctl");
		mkdirSync(folder);
		for (const mode of [0o755, 0o701, 0o770, 0o777]) {
			chmodSync(folder, mode);
			expect(() => sessionFolder({ XDG_RUNTIME_DIR: base }, true)).toThrow(refused(`open to others (mode ${mode.toString(8)})`));
		}
	});

	it("is refused if it is a link, even to a suitable folder", () => {
		mkdirSync(join(base, "real"), { mode: 0o700 });
		symlinkSync(join(base, "real"), join(base, "iommuctl"));
		for (const make of [true, false]) expect(() => sessionFolder({ XDG_RUNTIME_DIR: base }, make)).toThrow(refused("is not a folder"));
		expect(existsSync(join(base, "real", "s1.sock"))).toBe(false);
	});

	it("is refused if it is a file", () => {
		writeFileSync(join(base, "iommuctl"), "", { mode: 0o600 });
		expect(() => sessionFolder({ XDG_RUNTIME_DIR: base }, true)).toThrow(refused("is not a folder"));
	});

	it.skipIf(!root)("is refused if another user made it", () => {
		mkdirSync(join(base, "iommuctl"), { mode: 0o700 });
		chownSync(join(base, "iommuctl"), 65534, 65534);
		expect(() => sessionFolder({ XDG_RUNTIME_DIR: base }, true)).toThrow(refused("belongs to another user"));
	});
});

describe("names", () => {
	it("are file names that are not hidden and lead to no other folder", () => {
		for (const name of ["s1", "vm-2.a_b", "A", "x".repeat(64)]) expect(checkName(name)).toBe(name);
		for (const name of ["", ".", "..", ".hidden", "a/b", "../s1", "/abs", "a b", "-n", "a\0b", "a\nb", "é", "x".repeat(65)]) {
			expect(() => checkName(name), name).toThrow(expect.objectContaining({ kind: "usage" }));
		}
	});

	it("make paths that a socket can have", () => {
		expect(socketPath("/run", "s1")).toBe("/run/s1.sock");
		expect(() => socketPath(`/${"d".repeat(60)}`, "n".repeat(64))).toThrow(refused("longer than a socket's path"));
	});
});
