/** iommuctl doctor. */
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { btf } from "../../../src/cli/commands/tools/doctor/btf.js";
import { type Finding, hostAt } from "../../../src/cli/commands/tools/doctor/index.js";
import * as kernel from "../../../src/cli/commands/tools/doctor/kernel.js";
import { programs, recording } from "../../../src/cli/commands/tools/doctor/programs.js";
import * as runtime from "../../../src/cli/commands/tools/doctor/runtime.js";
import * as vfio from "../../../src/cli/commands/tools/doctor/vfio.js";
import { BtfWriter, iommufd } from "../../btf/writer.js";
import { documents, iommuctl, temporaryFolder } from "../cli.js";

const folders = temporaryFolder();

/** A folder that looks like a system: files with their text, links with `->` and where they go. */
function system(files: Readonly<Record<string, string | Uint8Array>> = {}, release = "6.12.3-test") {
	const root = mkdtempSync(join(folders, "it-"));
	for (const [path, content] of Object.entries(files)) {
		const at = join(root, path);
		mkdirSync(dirname(at), { recursive: true });
		if (typeof content === "string" && content.startsWith("->")) symlinkSync(content.slice(2), at);
		else writeFileSync(at, content);
	}
	return hostAt(root, { platform: "linux", release, nodeVersion: "22.1.0" });
}

const device = (group: number, name: string, driver: string) => ({
	[`/sys/kernel/iommu_groups/${group}/devices/${name}/driver`]: `->../../bus/pci/drivers/${driver}`,
});

describe("what is looked at", () => {
	test("whether programs can be run on the simulated kernel", async () => {
		const limits = "Max open files            1024                 524288               files\n";
		expect(await programs(system({ "/proc/self/limits": limits }))).toMatchObject({ status: "ok" });
		expect(await programs(system({}, "5.8.0"))).toMatchObject({ status: "missing", mend: "use Linux 5.9 or later" });
		const yama = { "/proc/sys/kernel/yama/ptrace_scope": "2\n", "/proc/self/status": "CapEff:\t0000000000000000\n" };
		expect(await programs(system(yama))).toMatchObject({ status: "missing", mend: "sysctl kernel.yama.ptrace_scope=1, or run as root" });
		expect(await programs(system({ ...yama, "/proc/self/status": "CapEff:\t00000000ffffffff\n" }))).toMatchObject({ status: "ok" });
		const few = await programs(system({ "/proc/self/limits": limits.replace("524288", "   512") }));
		expect(few).toMatchObject({ status: "missing", mend: "raise it: ulimit -Hn 4096" });
	});

	test("whether programs can be recorded", async () => {
		expect(await recording(system({}))).toMatchObject({ id: "record", status: "ok" });
		expect(await recording(system({}, "5.2.0"))).toMatchObject({ status: "missing", mend: "use Linux 5.3 or later" });
		const yama = { "/proc/sys/kernel/yama/ptrace_scope": "2\n", "/proc/self/status": "CapEff:\t0000000000000000\n" };
		expect(await recording(system(yama))).toMatchObject({
			status: "missing",
			mend: "run it as root, or sysctl kernel.yama.ptrace_scope=1",
		});
		expect(await recording(system({ ...yama, "/proc/self/status": "CapEff:\t00000000ffffffff\n" }))).toMatchObject({ status: "ok" });
		const never = await recording(system({ "/proc/sys/kernel/yama/ptrace_scope": "3\n" }));
		expect(never).toMatchObject({ status: "missing", mend: "set it to 1 in /etc/sysctl.d and boot again" });
	});

	test("Node", async () => {
		const at = (nodeVersion: string) => runtime.node(hostAt("/", { nodeVersion }));
		expect(await at("20.1.0")).toMatchObject({ status: "ok" });
		expect(await at("18.20.0")).toMatchObject({ status: "missing" });
		expect(await at("31.0.0")).toMatchObject({ status: "note" });
	});

	test("FFI, layouts and the simulated kernel work here", async () => {
		for (const check of [runtime.ffi, runtime.layouts, runtime.simulated]) expect(await check(system())).toMatchObject({ status: "ok" });
	});

	test("the kernel's release: before 6.2, in between, not Linux", async () => {
		expect(await kernel.kernel(system({}, "6.1.99"))).toMatchObject({ status: "missing" });
		const older = (await kernel.kernel(system({}, "6.12.3"))) as Finding;
		expect(older.status).toBe("ok");
		expect(older.more).toContain("IOMMU_VIOMMU_ALLOC came with 6.13");
		expect(older.more?.join()).not.toContain("IOMMU_FAULT_QUEUE_ALLOC");
		expect(await kernel.kernel(hostAt("/", { platform: "darwin" }))).toMatchObject({ status: "missing", found: "this is darwin" });
	});

	test("the layouts in the kernel's types", async () => {
		expect(await btf(system())).toMatchObject({ id: "btf", status: "note", found: expect.stringContaining("no /sys/kernel/btf/vmlinux") });
		const vmlinux = (bytes: Uint8Array) => system({ "/sys/kernel/btf/vmlinux": bytes });
		expect(await btf(vmlinux(iommufd().bytes()))).toMatchObject({ status: "ok", found: "3 structs and enums as declared" });
		expect(await btf(vmlinux(new BtfWriter().bytes()))).toMatchObject({
			status: "note",
			found: expect.stringContaining("built without iommufd"),
		});
		expect(await btf(vmlinux(Buffer.from("none")))).toMatchObject({ status: "note", found: expect.stringContaining("is not understood") });
		const older = iommufd();
		const module = new BtfWriter(older.end);
		module.struct("iommu_hwpt_alloc", 24, [["size", 2, 0]]);
		const both = {
			"/sys/kernel/btf/vmlinux": older.bytes(),
			"/sys/kernel/btf/iommufd": module.bytes(),
			"/sys/kernel/btf/snd": Buffer.from("not looked at"),
		};
		const found = (await btf(system(both))) as Finding;
		expect(found).toMatchObject({ status: "note", found: expect.stringContaining("3 structs and enums as declared, 1 other") });
		expect(found.more).toContain("iommu_hwpt_alloc: size 48, in the kernel's 24");
	});

	test("the configuration, plain or compressed", async () => {
		const on = "CONFIG_IOMMUFD=m\nCONFIG_VFIO_DEVICE_CDEV=y\nCONFIG_VFIO_PCI=m\n# CONFIG_IOMMUFD_TEST is not set\n";
		const found = (await kernel.config(system({ "/boot/config-6.12.3-test": on }))) as Finding;
		expect(found).toMatchObject({ status: "ok" });
		expect(found.more).toContain("CONFIG_IOMMUFD_TEST=n: the selftest driver's mock device");
		expect(await kernel.config(system({ "/proc/config.gz": gzipSync("CONFIG_IOMMUFD=y\n") }))).toMatchObject({ status: "note" });
		expect(await kernel.config(system({ "/proc/config.gz": gzipSync("CONFIG_VFIO=y\n") }))).toMatchObject({ status: "missing" });
		expect(await kernel.config(system())).toMatchObject({ status: "note" });
	});

	test("modules: loaded, only installed, built in, not there", async () => {
		const host = system({
			"/sys/module/vfio/initstate": "live",
			"/lib/modules/6.12.3-test/modules.dep": "kernel/drivers/iommu/iommufd/iommufd.ko.zst: kernel/x.ko\n",
			"/lib/modules/6.12.3-test/modules.builtin": "kernel/drivers/vfio/pci/vfio-pci.ko\n",
		});
		expect(await kernel.modules(host)).toMatchObject({
			status: "missing",
			mend: "modprobe -a iommufd",
			more: ["iommufd: not loaded", "vfio: loaded or built in", "vfio_pci: built in"],
		});
	});

	test("IOMMUs", async () => {
		expect(await vfio.iommus(system({ "/sys/class/iommu/dmar0/x": "" }))).toMatchObject({ status: "ok", found: "dmar0" });
		expect(await vfio.iommus(system())).toMatchObject({ status: "missing" });
	});

	test("the selftest driver's mock is no IOMMU, and its devices are no groups for VFIO", async () => {
		const mock = "/sys/class/iommu/iommufd_selftest_iommu.0/x";
		expect(await vfio.iommus(system({ [mock]: "" }))).toMatchObject({
			status: "missing",
			found: "only the selftest driver's mock, which has no hardware behind it",
		});
		expect(await vfio.iommus(system({ [mock]: "", "/sys/class/iommu/dmar0/x": "" }))).toMatchObject({ status: "ok", found: "dmar0" });
		expect(await vfio.groups(system(device(0, "iommufd_mock0", "x")))).toMatchObject({ found: "no IOMMU group" });
	});

	test("a group is ready when the host uses nothing of it", async () => {
		const bridge = device(3, "0000:00:1c.0", "pcieport");
		const ready = { ...bridge, ...device(3, "0000:01:00.0", "vfio-pci"), "/sys/kernel/iommu_groups/4/devices/0000:02:00.0/x": "" };
		expect(await vfio.groups(system(ready))).toMatchObject({ status: "ok", found: "1 of 2 groups ready" });
		const shared = { ...device(3, "0000:01:00.0", "vfio-pci"), ...device(3, "0000:01:00.1", "snd_hda_intel") };
		const found = (await vfio.groups(system(shared))) as Finding;
		expect(found).toMatchObject({ status: "missing", found: "0 of 1 group ready" });
		expect(found.more?.[0]).toContain("the host uses 0000:01:00.1");
		expect(await vfio.groups(system())).toMatchObject({ status: "missing", found: "no IOMMU group" });
	});

	test("device files", async () => {
		expect(await vfio.devices(system({ "/dev/vfio/devices/vfio0": "" }))).toMatchObject({ status: "ok", found: "1 of 1 can be opened" });
		expect(await vfio.devices(system())).toMatchObject({ status: "missing" });
	});

	test("/dev/iommu that is not there, and how to mend it", async () => {
		const found = (await kernel.device(system())) as Finding;
		expect(found).toMatchObject({ status: "missing", found: "cannot be opened: there is no such file (ENOENT)" });
		expect(found.mend).toContain("modprobe iommufd");
		expect(found.mend).not.toContain("--kernel sim");
	});

	test.each([
		["unlimited", "unlimited", "0", "ok"],
		["8388608", "8388608", "0", "note"],
		["8388608", "8388608", "4000", "ok"],
		["17179869184", "unlimited", "0", "ok"],
	])("locked memory: soft %s, hard %s, capabilities %s: %s", async (soft, hard, capabilities, status) => {
		const host = system({
			"/proc/self/limits": `Limit  Soft Limit  Hard Limit  Units\nMax locked memory         ${soft}    ${hard}   bytes\n`,
			"/proc/self/status": `Name: x\nCapEff:\t${capabilities.padStart(16, "0")}\n`,
		});
		expect(await vfio.lockedMemory(host)).toMatchObject({ status });
	});
});

describe("iommuctl doctor", () => {
	test("says the same to people and to programs; 3 exactly if something is missing", () => {
		const text = iommuctl(["doctor"]);
		const ran = iommuctl(["doctor", "--json"]);
		const [document] = documents(ran);
		expect(document).toMatchObject({ schema: "iommuctl.doctor", version: 1, exit: ran.status });
		const checks = document.checks as unknown as Finding[];
		const missing = checks.filter(({ status }) => status === "missing").length;
		expect(ran.status).toBe(missing === 0 ? 0 : 3);
		expect(text.status).toBe(ran.status);
		expect(text.stdout.match(/^missing /gm)?.length ?? 0).toBe(missing);
		expect(checks.find(({ id }) => id === "sim")?.status).toBe("ok");
		for (const { status, mend } of checks) if (status === "missing") expect(mend).toBeTruthy();
	});
});
