/** Builds the machine's hardware from its description. */
import type { Bdf } from "../board/bdf.js";
import type { Machine, PciDevice, SiovDevice } from "../board/description.js";
import { buildTopology, type Topology } from "../board/topology.js";
import { vendorOf } from "../board/vendor.js";
import { IommuGroup } from "../contract/device.js";
import { HwDevice } from "./common/device.js";
import type { DriverContext, HwIommu } from "./common/driver.js";
import type { Vendor } from "./vendor.js";

/** A machine as the kernel runs it: IOMMUs with drivers, devices in groups. */
export interface Hardware {
	readonly machine: Machine;
	/** the vendor of this kind of IOMMU */
	vendorOf(kind: string): Vendor;
	readonly topology: Topology;
	readonly iommus: readonly HwIommu[];
	/** the functions behind an IOMMU */
	readonly devices: ReadonlyMap<Bdf, HwDevice>;
	/** virtual devices, each a PASID of one of these functions */
	readonly parts: ReadonlyMap<SiovDevice, HwDevice>;
}

/** The owner of a group that a host driver uses: nobody else can claim it. */
const HOST = { name: "host driver" };

/** Creates the IOMMUs, groups and devices of a machine description. */
export function buildHardware(machine: Machine, vendors: readonly Vendor[], context: Omit<DriverContext, "kernel">): Hardware {
	const topology = buildTopology(machine);
	const iommus = new Map<string, HwIommu>();
	for (const description of machine.iommus) {
		const iommu = vendorOf(vendors, description.kind).driver?.(description, { ...context, kernel: machine.kernel });
		if (iommu !== undefined) iommus.set(description.name, iommu);
	}
	const groups = new Map<number, IommuGroup>();
	const devices = new Map<Bdf, HwDevice>();
	for (const pci of machine.devices) {
		const iommu = iommus.get(pci.iommu ?? "");
		if (iommu === undefined) continue;
		const { number } = topology.groupOf(pci.bdf);
		let group = groups.get(number);
		if (group === undefined) {
			group = new IommuGroup(number);
			groups.set(number, group);
		}
		devices.set(pci.bdf, new HwDevice(pci, iommu, group, topology.requester(pci.bdf)));
		if (usesDma(pci)) group.claim(HOST);
	}
	for (const device of devices.values()) {
		const pf = device.pci.pf === undefined ? undefined : devices.get(device.pci.pf);
		if (pf !== undefined) device.pf = pf;
		pf?.vfs.push(device);
	}
	const parts = new Map<SiovDevice, HwDevice>();
	for (const siov of machine.siov) {
		const parent = devices.get(siov.parent);
		if (parent === undefined) continue;
		const { number } = topology.groupOfSiov(siov);
		let group = groups.get(number);
		if (group === undefined) {
			group = new IommuGroup(number);
			groups.set(number, group);
		}
		const part = { parent, name: siov.name, pasid: siov.pasid, pasids: siov.pasids };
		parts.set(siov, new HwDevice(parent.pci, parent.iommu, group, parent.requester, part));
	}
	return { machine, vendorOf: (kind) => vendorOf(vendors, kind), topology, iommus: [...iommus.values()], devices, parts };
}

/** Whether a host driver does DMA with the device, so that the host owns its group. */
function usesDma(pci: PciDevice): boolean {
	return pci.driver !== undefined && pci.driver !== "vfio-pci";
}
