/** --uapi: older kernels and proposals. */
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
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

test("`require uapi` compares with >=, <, <=, > and ==", () => {
	const met = (requirement: string, ...args: string[]) => script([`require uapi ${requirement}`, "ioas alloc"], ...args).status === 0;
	expect([">= 6.12", "<= 6.12", "== 6.12", "> 6.11", "< 6.13"].filter((each) => !met(each, "--uapi", "6.12"))).toEqual([]);
	expect([">= 6.13", "<= 6.11", "== 6.13", "> 6.12", "< 6.12"].filter((each) => met(each, "--uapi", "6.12"))).toEqual([]);
	expect(script(["require uapi < 7.0"]).stdout).toContain(
		"skipped: the simulated kernel's uAPI is that of Linux 7.3, not older than 7.0\n",
	);
	expect(script(["require uapi => 7.0"]).stderr).toContain("`require uapi` needs a release such as 6.12 or >= 6.12");
});

test("--expect and `expect` take several errnos, and 0 among them: one script for many kernels", () => {
	const lines = ["expect 0|ENOTTY ioas change-process", "expect ENOENT|EINVAL destroy 77", "destroy 77 --expect 'EBUSY|ENOENT'"];
	for (const release of ["6.12", "7.3"]) expect(script(lines, "--uapi", release).status).toBe(0);
	const other = script(["expect EBUSY|EIO destroy 77"]);
	expect(other.status).toBe(1);
	expect(other.stderr).toContain("ENOENT (2): no object has this ID in this context (EBUSY|EIO was expected)");
	expect(script(["expect 0 ioas alloc"]).stderr).toContain('"0" is not the name of an errno');
	expect(script(["expect ENOENT|ENOWHERE destroy 7"]).stderr).toContain('"ENOWHERE" is not the name of an errno');
});

test("a recording says the release, and a replay takes it from there", () => {
	const trace = join(mkdtempSync(join(tmpdir(), "iommuctl-uapi-")), "old.jsonl");
	expect(script(["expect ENOTTY ioas change-process"], "--uapi", "6.12", "--record", trace).status).toBe(0);
	expect(JSON.parse(readFileSync(trace, "utf8").split("\n")[0]).uapi).toBe("6.12");
	expect(iommuctl(["replay", trace]).status).toBe(0);
	expect(iommuctl(["replay", trace, "--uapi", "7.3"]).status).toBe(1);
	const compared = iommuctl(["compare", trace, "--left", "sim", "--right", "sim:uapi=6.12"]);
	expect(compared.status).toBe(1);
	expect(compared.stdout).toContain("IOMMU_IOAS_CHANGE_PROCESS (since Linux 6.14); before, the call is not known: ENOTTY");
	const { rules, differences } = JSON.parse(iommuctl(["compare", trace, "--right", "sim:uapi=6.12", "--json"]).stdout);
	expect(rules).toMatchObject([{ name: "IOMMU_IOAS_CHANGE_PROCESS", since: "6.14", count: 1 }]);
	expect(differences[0].rules).toEqual(["IOMMU_IOAS_CHANGE_PROCESS"]);
});
