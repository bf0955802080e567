/** Checks of what could be bound: IOMMUs, groups and devices that VFIO has, and how much memory may be pinned. */
import { plural, sizeText } from "../../../frame/text.js";
import type { Check, Host } from "./check.js";

/** What the selftest driver registers, always and for every mock device. */
const mockIommu = /^iommufd_selftest_iommu\b/;
const mockDevice = /^iommufd_mock\d+$/;

const groupsFolder = "/sys/kernel/iommu_groups";

export const iommus: Check = (host) => {
	const base = { id: "hardware", title: "IOMMUs" };
	const all = host.list("/sys/class/iommu");
	const names = all.filter((name) => !mockIommu.test(name));
	if (names.length > 0) return { ...base, status: "ok", found: names.join(", ") };
	const mend =
		"turn it on in the firmware (VT-d, AMD-Vi, SMMU), and on Intel boot with intel_iommu=on; a virtual machine needs a virtual IOMMU";
	const found = all.length > 0 ? "only the selftest driver's mock, which has no hardware behind it" : "none";
	return { ...base, status: "missing", found, mend };
};

interface GroupDevice {
	readonly name: string;
	/** undefined: no driver is bound to it */
	readonly driver: string | undefined;
	/** a file in /dev/vfio/devices */
	readonly file: string | undefined;
}

interface Group {
	readonly number: string;
	readonly devices: readonly GroupDevice[];
}

/** PCI bridges stay with their driver: it does no DMA of its own. */
const harmless = new Set(["pcieport", "pci-stub"]);
const isVfio = (driver: string | undefined): boolean => driver !== undefined && /^vfio|-vfio-|_vfio_|vfio_pci$/.test(driver);

function groupsOf(host: Host): Group[] {
	return host.list(groupsFolder).map((number) => ({
		number,
		devices: host.list(`${groupsFolder}/${number}/devices`).map((name) => ({
			name,
			driver: host.link(`${groupsFolder}/${number}/devices/${name}/driver`),
			file: host.list(`${groupsFolder}/${number}/devices/${name}/vfio-dev`)[0],
		})),
	}));
}

const shown = ({ name, driver, file }: GroupDevice): string => `${name} (${driver ?? "no driver"}${file === undefined ? "" : `, ${file}`})`;

export const groups: Check = (host) => {
	const base = { id: "groups", title: "groups for VFIO" };
	const all = groupsOf(host).filter(({ devices }) => devices.length === 0 || devices.some(({ name }) => !mockDevice.test(name)));
	if (all.length === 0) return { ...base, status: "missing", found: "no IOMMU group", mend: "turn on an IOMMU: then there are groups" };
	const begun = all.filter(({ devices }) => devices.some(({ driver }) => isVfio(driver)));
	const inTheWay = ({ devices }: Group) => devices.filter(({ driver }) => driver !== undefined && !isVfio(driver) && !harmless.has(driver));
	const ready = begun.filter((group) => inTheWay(group).length === 0);
	const more = begun.map((group) => {
		const wrong = inTheWay(group);
		const devices = group.devices.map(shown).join(", ");
		return `group ${group.number}: ${devices}${wrong.length === 0 ? "" : `; the host uses ${wrong.map(({ name }) => name).join(", ")}`}`;
	});
	const found = `${ready.length} of ${plural(all.length, "group")} ready`;
	if (ready.length > 0) return { ...base, status: "ok", found, more };
	const mend =
		begun.length > 0
			? "give every device of the group to vfio-pci"
			: "driverctl set-override BDF vfio-pci (or echo vfio-pci > /sys/bus/pci/devices/BDF/driver_override, unbind it, and drivers_probe)";
	return { ...base, status: "missing", found, mend, more };
};

export const devices: Check = (host) => {
	const base = { id: "devices", title: "VFIO devices" };
	const folder = "/dev/vfio/devices";
	const names = host.list(folder);
	if (names.length === 0) {
		const mend = "bind a device to vfio-pci, on a kernel with CONFIG_VFIO_DEVICE_CDEV (Linux 6.6 or later)";
		return { ...base, status: "missing", found: `none in ${folder}`, mend };
	}
	const tried = names.map((name) => ({ name, failed: host.tryOpen(`${folder}/${name}`) }));
	const good = tried.filter(({ failed }) => failed === undefined);
	const more = tried.map(({ name, failed }) => `${name}: ${failed === undefined ? "can be opened" : `cannot be opened: ${failed}`}`);
	const found = `${good.length} of ${names.length} can be opened`;
	if (good.length > 0) return { ...base, status: "ok", found, more };
	return { ...base, status: "missing", found, mend: `run as root, or give yourself the files (chown, or a udev rule)`, more };
};

/** CAP_IPC_LOCK: whoever has it has no limit. */
const ipcLock = 1n << 14n;
/** Below this (bytes) a guest's memory cannot be mapped. */
const fair = 1n << 30n;

export const lockedMemory: Check = (host) => {
	const base = { id: "memlock", title: "locked memory" };
	const match = /^Max locked memory\s+(\S+)\s+(\S+)/m.exec(host.read("/proc/self/limits") ?? "");
	if (!match) return { ...base, status: "note", found: "the limit cannot be read here" };
	const capabilities = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(host.read("/proc/self/status") ?? "")?.[1] ?? "0"}`);
	const soft = match[1] === "unlimited" ? undefined : BigInt(match[1]);
	if (soft === undefined) return { ...base, status: "ok", found: "unlimited" };
	if (capabilities & ipcLock) return { ...base, status: "ok", found: `${sizeText(soft)}, which does not apply to you (CAP_IPC_LOCK)` };
	const found = `at most ${sizeText(soft)}: mapping more fails with ENOMEM`;
	if (soft >= fair) return { ...base, status: "ok", found };
	const hard = match[2] === "unlimited" || BigInt(match[2]) > soft;
	const mend = hard
		? "ulimit -l unlimited (or as much as the hard limit allows)"
		: "raise it in /etc/security/limits.conf (memlock), or run as root";
	return { ...base, status: "note", found, mend };
};
