/** Tests that sysfs is read as a machine file. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { hostAt } from "../../../src/cli/host/host.js";
import { hwInfoByUnit } from "../../../src/cli/host/hw-info.js";
import { capabilitiesOf } from "../../../src/cli/host/pci-config.js";
import { probedMachine } from "../../../src/cli/host/probed.js";
import { BUILTIN_MACHINES, checkMachine, createSim } from "../../../src/sim/index.js";
import { iommuctl } from "../cli.js";

const root = mkdtempSync(join(tmpdir(), "iommuctl-probe-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function file(path: string, content: string | Uint8Array): void {
	mkdirSync(dirname(join(root, path)), { recursive: true });
	writeFileSync(join(root, path), content);
}
function link(path: string, target: string): void {
	mkdirSync(dirname(join(root, path)), { recursive: true });
	symlinkSync(target, join(root, path));
}

/** A configuration space with extended capabilities: [id, version, its words]. */
function config(header: number, capabilities: readonly (readonly [id: number, words: readonly number[]])[], express?: number): Uint8Array {
	const bytes = Buffer.alloc(4096);
	bytes[0x0e] = header;
	if (express !== undefined) {
		bytes[0x34] = 0x40;
		bytes[0x40] = 0x10;
		bytes.writeUInt16LE(express << 4, 0x42);
	}
	capabilities.forEach(([id, words], i) => {
		const at = 0x100 + i * 0x40;
		const next = i + 1 < capabilities.length ? at + 0x40 : 0;
		bytes.writeUInt32LE((id | 0x10000 | (next << 20)) >>> 0, at);
		for (const [n, word] of words.entries()) bytes.writeUInt32LE(word, at + 4 + n * 4);
	});
	return bytes;
}

function function_(bdf: string, group: number, driver: string | undefined, bytes: Uint8Array, vfio?: number): void {
	const folder = `sys/bus/pci/devices/${bdf}`;
	file(`${folder}/vendor`, "0x8086\n");
	file(`${folder}/device`, "0x10c9\n");
	file(`${folder}/config`, bytes);
	link(`${folder}/iommu_group`, `../../../kernel/iommu_groups/${group}`);
	link(`${folder}/iommu`, "../../../virtual/iommu/dmar0");
	if (driver !== undefined) link(`${folder}/driver`, `../../../bus/pci/drivers/${driver}`);
	if (vfio !== undefined) mkdirSync(join(root, folder, "vfio-dev", `vfio${vfio}`), { recursive: true });
}

file("proc/cmdline", "console=ttyS0 intel_iommu=on,sm_on\n");
file("sys/class/iommu/dmar0/intel-iommu/cap", "d2008c222f0606\n");
file("sys/class/iommu/dmar0/intel-iommu/ecap", "499880f00fce\n");
mkdirSync(join(root, "sys/class/iommu/riscv-odd"), { recursive: true });
file("sys/module/iommufd/parameters/allow_unsafe_interrupts", "Y\n");
file(
	"sys/kernel/iommu_groups/3/reserved_regions",
	"0x00000000fee00000 0x00000000feefffff msi\n0x00000000000a0000 0x00000000000bffff direct-relaxable\n",
);
const pci = config(1, [[0x0d, [0]]], 4);
pci[0x19] = 5;
function_("0000:00:1c.0", 2, "pcieport", pci);
function_(
	"0000:05:00.0",
	3,
	"vfio-pci",
	config(0, [
		[0x0f, [0]],
		[0x13, [0, 64]],
		[0x1b, [20 << 8]],
	]),
	4,
);
file("dev/iommu", "");

describe("a machine below a folder", () => {
	test("has its IOMMUs, bridges, devices, groups and reserved regions; what is unknown or assumed is said", async () => {
		const { machine, notes } = await probedMachine(hostAt(root, { release: "7.3.4" }));
		expect(machine).toMatchObject({
			name: "probed",
			arch: "x86-64",
			kernel: { unsafeInterrupts: true, sriov: false, noiommu: false },
			iommus: [{ name: "dmar0", kind: "vtd", cap: 0xd2008c222f0606n, ecap: 0x499880f00fcen, scalable: true }],
			bridges: [{ type: "root-port", secondary: 5, acs: true, group: 2 }],
			devices: [
				{
					vendor: 0x8086,
					device: 0x10c9,
					driver: "vfio-pci",
					vfio: 4,
					iommu: "dmar0",
					group: 3,
					pasidWidth: 20,
					ats: true,
					pri: 64,
					reserved: [
						{ first: 0xfee00000n, last: 0xfeefffffn, type: "msi" },
						{ first: 0xa0000n, last: 0xbffffn, type: "reserved" },
					],
				},
			],
		});
		expect(notes).toEqual(["riscv-odd: an IOMMU of a kind that the simulated kernel does not have; it is left out"]);
	});

	test("is printed as a file that --machine takes", () => {
		const { status, stdout } = iommuctl(["machine", "probe", "--root", root]);
		expect(status).toBe(0);
		writeFileSync(join(root, "mine.yaml"), stdout);
		const shown = iommuctl(["device", "list", "--kernel", "sim", "--machine", join(root, "mine.yaml"), "--json"]);
		expect(shown.status).toBe(0);
		expect(shown.stdout).toContain("vfio4");
	});

	test("that has nothing of it is still one: the selftest's mock alone", async () => {
		const { machine } = await probedMachine(hostAt(join(root, "nothing"), { release: "6.8.0" }));
		expect(machine.iommus.map(({ kind }) => kind)).toEqual(["selftest"]);
		expect(machine.devices).toEqual([]);
	});
});

test("any configuration space, short, looped or bent, is read to an end", () => {
	fc.assert(
		fc.property(fc.uint8Array({ maxLength: 4200 }), (bytes) => {
			const { bridge, functions } = capabilitiesOf(bytes);
			expect(bridge === undefined || bridge.secondary < 256).toBe(true);
			expect(functions.pasid_width ?? 0).toBeLessThanOrEqual(20);
		}),
	);
});

describe("GET_HW_INFO", () => {
	/** A folder with one device behind an IOMMU, which vfio0 of the simulated machine answers for. */
	function behind(unit: string): string {
		const other = mkdtempSync(join(tmpdir(), "iommuctl-probe-"));
		onTestFinished(() => rmSync(other, { recursive: true, force: true }));
		const folder = join(other, "sys/bus/pci/devices/0000:00:10.0");
		mkdirSync(join(folder, "vfio-dev/vfio0"), { recursive: true });
		symlinkSync(`../../../virtual/iommu/${unit}`, join(folder, "iommu"));
		const registers = join(other, "sys/class/iommu", unit, unit.startsWith("dmar") ? "intel-iommu" : ".");
		mkdirSync(registers, { recursive: true });
		for (const name of unit.startsWith("dmar") ? ["cap", "ecap"] : []) writeFileSync(join(registers, name), "1\n");
		return other;
	}
	const onMachine = (name: "vtd" | "smmuv3", change: object) => {
		const raw = structuredClone(BUILTIN_MACHINES[name]) as { iommus: object[] };
		Object.assign(raw.iommus[0], change);
		return createSim({ machine: checkMachine(raw) }).newProcess();
	};

	test("of VT-d tells the erratum, which sysfs does not", async () => {
		for (const errata of [true, false]) {
			const host = hostAt(behind("dmar0"), { release: "7.3.4" });
			const { machine } = await probedMachine(host, hwInfoByUnit(host, onMachine("vtd", { errata_772415: errata })));
			expect(machine.iommus[0]).toMatchObject({ name: "dmar0", errata });
		}
	});

	test("of SMMUv3 tells its ID registers, without which they are assumed", async () => {
		const unit = "smmu3.0x0000000009050000";
		const host = hostAt(behind(unit), { release: "7.3.4" });
		const idr = [0x0c4d149b, 0x02730410, 0, 0x1514, 0, 0x75];
		const { machine, notes } = await probedMachine(host, hwInfoByUnit(host, onMachine("smmuv3", { idr })));
		expect(machine.iommus[0]).toMatchObject({ name: unit, kind: "smmuv3", idr });
		expect(notes.filter((note) => note.includes("assumed"))).toEqual([]);
		expect((await probedMachine(host)).notes.filter((note) => note.includes("assumed"))).toHaveLength(1);
	});

	test("of another machine cannot be asked", () => {
		const { status, stderr } = iommuctl(["machine", "probe", "--bind", "--root", root]);
		expect(status).toBe(2);
		expect(stderr).toBe("error: --bind asks this machine, and --root another\n  give one of them\n");
	});
});
