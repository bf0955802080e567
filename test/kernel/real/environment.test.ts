/** Tests of what the errors say if FFI or a device is missing. */
import { spawnSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { EnvironmentError } from "../../../src/kernel/environment-error.js";
import * as errno from "../../../src/kernel/errno.js";
import { loadFfi, requireFfi } from "../../../src/kernel/real/ffi.js";
import { explainOpenFailure, openRealKernel } from "../../../src/kernel/real/index.js";
import { bundle, finished, isRoot, program, runChild, tempDir } from "./support.js";

/** The error that openRealKernel throws, which must be an EnvironmentError. */
function failure(run: () => unknown): EnvironmentError {
	try {
		run();
	} catch (error) {
		if (error instanceof EnvironmentError) return error;
		throw error;
	}
	throw new Error("it did not fail");
}

function failing(message: string, code?: string): () => never {
	return () => {
		throw Object.assign(new Error(message), { code });
	};
}

describe("if FFI cannot be loaded", () => {
	it("says which package is missing and how to get it", () => {
		const error = failure(() => openRealKernel(failing("Cannot find module 'ref-napi'\nRequire stack:\n- /x.js", "MODULE_NOT_FOUND")));
		expect(error.message).toBe("FFI cannot be loaded: Cannot find module 'ref-napi'");
		expect(error.hint).toContain("npm install");
		expect(error.hint).toContain("--kernel sim");
	});

	it.each([
		["ERR_DLOPEN_FAILED", "Error loading shared library ld-linux-x86-64.so.2", "glibc"],
		[undefined, "No native build was found for platform=linux arch=x64 runtime=node abi=999", "npm install --ignore-scripts"],
		["ERR_DLOPEN_DISABLED", "Cannot load native addon because loading addons is disabled.", "--no-addons"],
		[undefined, "something else", "another Node"],
	])("says what to do: %s %s", (code, message, hint) => {
		expect(failure(() => openRealKernel(failing(message, code))).hint).toContain(hint);
	});

	it("says so if this is not Linux, or there is no binary for the processor, and does not even try", () => {
		const never = failing("it tried");
		expect(failure(() => loadFfi(never, { platform: "darwin", arch: "x64", littleEndian: true })).message).toContain(
			"needs Linux, and this is darwin",
		);
		expect(failure(() => loadFfi(never, { platform: "linux", arch: "riscv64", littleEndian: true })).message).toContain("linux-riscv64");
		expect(failure(() => loadFfi(never, { platform: "linux", arch: "arm64", littleEndian: false })).hint).toContain("--kernel sim");
	});

	it("says so if libffi refuses to work", () => {
		const ffi = requireFfi();
		const refusing = { ref: ffi.ref, bindings: { ...ffi.bindings, ffi_prep_cif: () => 2 } };
		expect(failure(() => openRealKernel(() => refusing)).message).toContain("ffi_prep_cif returns 2");
	});

	it("keeps what was thrown as the cause", () => {
		expect(failure(() => openRealKernel(failing("why"))).cause).toMatchObject({ message: "why" });
	});

	it("fails like this in a Node that loads no addons", async () => {
		const { answer } = await runChild("start", ["--no-addons"]);
		expect(answer).toMatchObject({
			message: expect.stringContaining("without native addons"),
			hint: expect.stringContaining("--no-addons"),
		});
	});

	it("fails like this if the packages are not installed", async () => {
		const file = await bundle("start", tempDir());
		const { answer } = finished(spawnSync(process.execPath, [file], { encoding: "utf8" }));
		expect(answer).toMatchObject({ message: expect.stringContaining("ref-napi"), hint: expect.stringContaining("npm install") });
	});

	it("works with a Node without options, and prints no warning", async () => {
		expect(await runChild("start")).toEqual({ status: 0, signal: null, stderr: "", answer: { opened: true } });
	});
});

describe("if a device cannot be opened", () => {
	it("says what to do if there is none", () => {
		const kernel = program();
		const path = join(tempDir(), "iommu");
		const { message, hint } = explainOpenFailure(path, -kernel.open(path));
		expect(message).toBe(`${path} cannot be opened: there is no such file (ENOENT)`);
		expect(hint).toMatch(/modprobe iommufd.*CONFIG_IOMMUFD/);
		expect(explainOpenFailure("/dev/vfio/devices/vfio0", errno.ENOENT).hint).toContain("vfio-pci");
	});

	it.skipIf(!isRoot)("says what to do without permission (needs root, to become nobody)", async () => {
		const path = join(tempDir(), "iommu");
		writeFileSync(path, "");
		chmodSync(path, 0o600);
		chmodSync(join(path, ".."), 0o755);
		const { answer } = await runChild("open-files", [], [path, "65534"]);
		expect(answer).toEqual({ opened: 0, answer: -errno.EACCES });
		const { message, hint } = explainOpenFailure(path, errno.EACCES);
		expect(message).toContain("permission denied");
		expect(hint).toMatch(/root.*ls -l/);
	});

	it.skipIf(!isRoot)("says what to do if there is no driver (needs root, to make a device file)", ({ skip }) => {
		const kernel = program();
		const path = join(tempDir(), "iommu");
		// A number that no driver has: the last minor of the miscellaneous devices.
		if (spawnSync("mknod", [path, "c", "10", "1048575"]).status !== 0) skip("this root may not make device files");
		const answer = kernel.open(path);
		expect([-errno.ENODEV, -errno.ENXIO, -errno.EACCES, -errno.EPERM]).toContain(answer);
		expect(explainOpenFailure(path, errno.ENODEV).message).toContain("no driver is behind it");
	});

	it("says what to do if too many files are open", async () => {
		const file = await bundle("open-files");
		const { answer } = finished(
			spawnSync("sh", ["-c", `ulimit -n 60; exec "${process.execPath}" "${file}" /dev/null`], { encoding: "utf8" }),
		);
		expect(answer).toMatchObject({ answer: -errno.EMFILE });
		expect(explainOpenFailure("/dev/iommu", errno.EMFILE).hint).toContain("ulimit -n");
	});

	it.each([errno.ENFILE, errno.EPERM, errno.EBUSY, errno.ENXIO, errno.ENOMEM, errno.ENOTDIR, errno.EIO])(
		"has a line for errno %i, for each kind of device",
		(number) => {
			for (const path of ["/dev/iommu", "/dev/vfio/devices/vfio3"]) {
				const { message, hint } = explainOpenFailure(path, number);
				expect(message).toContain(`${path} cannot be opened: `);
				expect(message).toContain(`(${errno.errnoName(number)})`);
				expect(hint).toMatch(/^[a-z].*, or use --kernel sim$/);
			}
		},
	);
});
