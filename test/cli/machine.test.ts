/** iommuctl machine. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { iommuctl, iommuctlProcess, script } from "./cli.js";

const folder = mkdtempSync(join(tmpdir(), "iommuctl-machine-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("machine show", () => {
	test("draws IOMMUs, buses, groups and aliases as a tree", () => {
		const { status, stdout } = iommuctl(["machine", "show", "vtd"]);
		expect(status).toBe(0);
		expect(stdout).toContain("iommu dmar0: vtd, cap 0x91d2008c222f0606");
		expect(stdout).toContain("requester ID on the wire 03:00.0  [group 8]");
		expect(stdout).toContain("PASID 0x40 of its parent (SIOV)");
	});

	test.each([
		["mermaid", /^graph TD\n/],
		["dot", /^digraph "smmuv3" \{/],
	])("as %s", (format, start) => {
		expect(iommuctl(["machine", "show", "smmuv3", "--format", format]).stdout).toMatch(start);
	});

	test("its JSON is a machine file, and --machine takes that", () => {
		const file = join(folder, "mine.yaml");
		const shown = iommuctl(["machine", "show", "amd", "--json"]);
		const document = JSON.parse(shown.stdout) as { schema: string; version: number; groups: unknown[] };
		expect(document).toMatchObject({ schema: "iommuctl.machine", version: 1 });
		expect(document.groups.length).toBeGreaterThan(5);
		writeFileSync(file, shown.stdout);
		const again = iommuctl(["machine", "show", "--machine", file, "--json"]);
		expect(again.stdout).toBe(shown.stdout);
		const devices = JSON.parse(iommuctl(["device", "list", "--machine", "mine.yaml", "--json"], { cwd: folder }).stdout) as {
			devices: unknown[];
		};
		expect(devices.devices).toHaveLength(12);
	});

	test("a mistake in a file names file, line and field; exit 2", () => {
		const file = join(folder, "bad.yaml");
		writeFileSync(file, "name: bad\niommus:\n  - name: a\n    kind: vtd\n    cap: 1\n    ecap: 0\n    spead: 3\n");
		const { status, stderr } = iommuctl(["ioas", "alloc", "--machine", file]);
		expect(status).toBe(2);
		expect(stderr).toMatch(/error: .*bad\.yaml:7: iommus\[0\]\.spead: no such field/);
	});

	test("a machine is the simulated kernel's, and chosen once for a script", () => {
		expect(iommuctlProcess(["ioas", "alloc", "--machine", "vtd", "--kernel", "real"]).status).toBe(2);
		const ran = script(["ioas alloc --machine amd"], "--machine", "vtd");
		expect(ran.status).toBe(2);
		expect(ran.stderr).toContain("kernel: simulated (machine vtd)\n");
		expect(ran.stderr).toContain("--machine holds for the whole of a script");
	});

	test("list has the built-in ones, one of them the default", () => {
		const { machines } = JSON.parse(iommuctl(["machine", "list", "--json"]).stdout) as { machines: { name: string; default: boolean }[] };
		expect(machines.map(({ name }) => name)).toEqual(["mixed", "vtd", "smmuv3", "tegra241", "amd", "riscv", "selftest"]);
		expect(machines.filter((each) => each.default)).toMatchObject([{ name: "mixed" }]);
	});
});
