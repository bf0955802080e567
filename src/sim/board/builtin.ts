/** The machines that come with the program, in the form of a machine file (parse.ts): one of each kind, and a mixed one. */
import type { BoardVendor, BuiltinMachine } from "./vendor.js";

const EDU = { vendor: 0x1234, device: 0x11e8, model: "edu" };
const NIC = { vendor: 0x1af4, device: 0x1041, model: "virtio-net" };
const NVME = { vendor: 0x1b36, device: 0x0010, model: "nvme" };
const IGB = { vendor: 0x8086, device: 0x10c9, model: "igb" };
const IGB_VF = { vendor: 0x8086, device: 0x10ca, model: "igbvf" };
const SVM = { pasid_width: 20, ats: true, pri: 32 };

const KERNEL = { unsafe_interrupts: true, sriov: true };
const EMULATED = [{ name: "mtty0" }];

/** The same family of devices behind each kind of IOMMU, in PCI segment `seg`. */
function devices({ iommu: { name: iommu }, devices: own }: BuiltinMachine, seg: string) {
	const svm = { ...SVM, ...own?.svm };
	return {
		bridges: [
			{ bdf: `${seg}:00:14.0`, type: "root-port", secondary: 1 },
			{ bdf: `${seg}:00:15.0`, type: "root-port", secondary: 2 },
			{ bdf: `${seg}:02:00.0`, type: "pcie-to-pci", secondary: 3 },
			{ bdf: `${seg}:00:16.0`, type: "root-port", secondary: 5 },
		],
		devices: [
			{ bdf: `${seg}:00:10.0`, role: "solo", ...EDU, iommu },
			{ bdf: `${seg}:00:11.0`, role: "fnA", ...EDU, iommu },
			{ bdf: `${seg}:00:11.1`, role: "fnB", ...EDU, iommu },
			{ bdf: `${seg}:00:12.0`, role: "svm", ...EDU, iommu, ...svm },
			{ bdf: `${seg}:00:13.0`, role: "fn0rid", ...EDU, iommu, acs: true },
			{ bdf: `${seg}:00:13.1`, role: "fn0rid", ...EDU, iommu, acs: true, function0_rid: true },
			{ bdf: `${seg}:01:00.0`, role: "ats", ...NIC, iommu, ats: true },
			{ bdf: `${seg}:03:01.0`, role: "bridged", ...EDU, iommu },
			{ bdf: `${seg}:03:02.0`, role: "bridged", ...NVME, iommu },
			{ bdf: `${seg}:05:00.0`, role: "pf", ...IGB, iommu, ...svm },
			{ bdf: `${seg}:05:10.0`, role: "vf", ...IGB_VF, iommu, pf: `${seg}:05:00.0`, ...svm },
		],
		siov: own?.siov
			? [
					{ parent: `${seg}:00:12.0`, pasid: 0x40 },
					{ parent: `${seg}:00:12.0`, pasid: 0x41 },
				]
			: [],
	};
}

/** Numbers the virtual devices consecutively, across parents. */
const named = (siov: readonly object[]) => (siov.length > 0 ? { siov: siov.map((each, n) => ({ name: `siov${n}`, ...each })) } : {});

/** Every built-in machine, by its name: `mixed`, then those of each kind. */
export function builtinMachines(vendors: readonly BoardVendor[]): Readonly<Record<string, unknown>> {
	const own = vendors.flatMap(({ kind, builtin, variants = {} }) =>
		Object.entries({ [kind]: builtin, ...variants }).map(([name, machine]) => [name, machineOf(name, kind, machine)] as const),
	);
	return Object.fromEntries([["mixed", mixed(vendors)], ...own]);
}

function machineOf(name: string, kind: string, builtin: BuiltinMachine) {
	const { about, arch, iommu, kernel } = builtin;
	const base = { name, about, arch };
	const iommus = [{ ...iommu, kind }];
	if (builtin.devices === undefined) return { ...base, iommus };
	const { siov, ...pci } = devices(builtin, "0000");
	return { ...base, kernel: { ...KERNEL, ...kernel }, iommus, ...pci, ...named(siov), mdevs: EMULATED };
}

/** One PCI segment for each kind that has devices. */
function mixed(vendors: readonly BoardVendor[]) {
	const parts = vendors.filter(({ builtin }) => builtin.mixed !== undefined);
	const withDevices = parts.filter(({ builtin }) => builtin.devices !== undefined);
	const segment = (n: number) => n.toString(16).padStart(4, "0");
	const behind = withDevices.map(({ builtin }, n) => devices(builtin, segment(n)));
	const segments = withDevices.map(({ builtin }, n) => `${segment(n)} ${builtin.mixed}`);
	const others = parts.filter((part) => !withDevices.includes(part)).map(({ builtin }) => builtin.mixed);
	return {
		name: "mixed",
		about: `one PCI segment for each kind of IOMMU: ${segments.join(", ")}${others.length > 0 ? `; and ${others.join(", ")}` : ""}`,
		arch: "mixed",
		kernel: Object.assign({ ...KERNEL }, ...parts.map(({ builtin }) => builtin.kernel)),
		iommus: parts.map(({ kind, builtin }) => ({ ...builtin.iommu, kind })),
		bridges: behind.flatMap((part) => part.bridges),
		devices: behind.flatMap((part) => part.devices),
		...named(behind.flatMap((part) => part.siov)),
		mdevs: EMULATED,
	};
}
