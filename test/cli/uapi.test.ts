/** --uapi: older kernels and proposals. */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { documents, iommuctl, script } from "./cli.js";

test("--uapi makes the simulated kernel as old as told, and which one it is is said", () => {
	const ran = script(["require ioctl IOMMU_VIOMMU_ALLOC", "ioas alloc"], "--uapi", "6.12");
	expect(ran.status).toBe(77);
	expect(ran.stderr).toBe("kernel: simulated (uAPI 6.12)\n");
	expect(ran.stdout).toContain("skipped: the kernel does not know IOMMU_VIOMMU_ALLOC");
	expect(script(["require ioctl IOMMU_VIOMMU_ALLOC", "ioas alloc"], "--uapi", "6.13").status).toBe(0);
});

test("kernel show lists what it does not know", () => {
	const [{ calls }] = documents(iommuctl(["kernel", "show", "--json", "--uapi", "6.7"])) as unknown as [
		{ calls: { name: string; supported: boolean; since: string | null }[] },
	];
	const supported = calls.filter((call) => call.supported).map(({ name }) => name);
	expect(supported).toContain("IOMMU_HWPT_SET_DIRTY_TRACKING");
	expect(supported).not.toContain("IOMMU_HWPT_INVALIDATE");
});

test.each(["5.10", "6.99", "noble"])("%s is wrong usage", (release) => {
	const { status, stderr } = iommuctl(["ioas", "alloc", "--uapi", release]);
	expect(status).toBe(2);
	expect(stderr).toContain(`--uapi: "${release}" is n`);
	expect(iommuctl(["ioas", "alloc", "--uapi", "6.6,6.7"]).stderr).toContain("a kernel has one release");
});

test("compare finds what an older kernel does not know", () => {
	const file = join(mkdtempSync(join(tmpdir(), "iommuctl-uapi-")), "t.jsonl");
	const lines = [
		{ trace: "iommufd", version: 1, kernel: "7.3.4", suite: "my" },
		{ program: "fault" },
		{ op: "open", path: "/dev/iommu", fd: "i", ret: 0 },
		{ op: "ioctl", fd: "i", request: "IOMMU_FAULT_QUEUE_ALLOC", arg: "10000000000000000000000000000000", ret: 0 },
		{ op: "end" },
	];
	writeFileSync(file, lines.map((line) => JSON.stringify(line)).join("\n"));
	expect(iommuctl(["compare", file, "--left", "sim", "--right", "sim:uapi=6.11"]).status).toBe(0);
	const { status, stdout } = iommuctl(["compare", file, "--left", "sim", "--right", "sim:uapi=6.10"]);
	expect(status).toBe(1);
	expect(stdout).toContain("ENOTTY");
	expect(iommuctl(["compare", file, "--right", "sim:uapi=5.0"]).status).toBe(2);
	expect(iommuctl(["compare", file, "--right", "real:uapi=6.6"]).status).toBe(2);
});

test("`require uapi RELEASE` compares the kernel's release, and says so", () => {
	expect(script(["require uapi 6.12", "ioas alloc"], "--uapi", "6.12").status).toBe(0);
	expect(script(["require uapi v6.12", "ioas alloc"]).status).toBe(0);
	const older = script(["require uapi 6.12", "ioas alloc"], "--uapi", "6.9");
	expect(older.status).toBe(77);
	expect(older.stdout).toContain("skipped: the simulated kernel's uAPI is that of Linux 6.9, older than 6.12\n");
	const wrong = script(["require uapi 6.1", "ioas alloc"]);
	expect(wrong.status).toBe(2);
	expect(wrong.stderr).toContain('require uapi: "6.1" is not a release with iommufd; those are 6.2 to ');
	expect(script(["require uapi vtd-inv-v11"]).stderr).toContain(
		'"vtd-inv-v11" is neither a release nor a proposal\n  did you mean vtd-inv-v10?',
	);
});
