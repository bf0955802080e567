/** Opens the device nodes below /dev/vfio. */
import type { Ret } from "../../kernel/kernel.js";
import type { Bdf } from "../board/bdf.js";
import type { MediatedDevice, PciDevice, SiovDevice } from "../board/description.js";
import { IommuGroup } from "../contract/device.js";
import type { SimFile } from "../process/file.js";
import type { Hardware } from "../vendors/hardware.js";
import { nodeChecks } from "./checks/group.js";
import type { VfioDevice } from "./device.js";
import { VfioDeviceFile } from "./device-file.js";
import { listed, VfioGroup } from "./group.js";
import { VfioGroupFile } from "./group-file.js";
import type { VfioHost } from "./host.js";
import { MdevVfioDevice } from "./mdev.js";
import { noIommuDevice } from "./noiommu.js";
import { type PciPlace, PciVfioDevice } from "./pci-device.js";
import { SiovVfioDevice } from "./siov.js";

const DEVICES = "/dev/vfio/devices/";
const GROUPS = "/dev/vfio/";

/** The nodes below /dev/vfio on a machine. */
export class VfioNodes {
	/** by name below /dev/vfio/devices */
	readonly devices = new Map<string, VfioDevice>();
	readonly #groups = new Map<string, VfioGroup>();
	readonly #byPci = new Map<PciDevice, PciVfioDevice>();
	readonly #byBdf = new Map<Bdf, PciDevice>();
	/** functions by bus (segment and bus number) */
	readonly #buses = new Map<number, PciDevice[]>();
	readonly #pfs = new Set<Bdf>();

	constructor(
		readonly hardware: Hardware,
		readonly host: VfioHost,
	) {
		const { machine } = hardware;
		for (const pci of machine.devices) {
			this.#byBdf.set(pci.bdf, pci);
			if (pci.pf !== undefined) this.#pfs.add(pci.pf);
			const bus = this.#buses.get(pci.bdf >>> 8);
			if (bus === undefined) this.#buses.set(pci.bdf >>> 8, [pci]);
			else bus.push(pci);
		}
		for (const pci of machine.devices) this.#addPci(pci);
		for (const siov of machine.siov) this.#addSiov(siov);
		for (const mdev of machine.mdevs) this.#addMdev(mdev);
	}

	/** Open a path below /dev/vfio. ENOENT, or EBUSY for a group that is in use. */
	open(path: string): SimFile | Ret {
		const { reasons } = this.host;
		if (path.startsWith(DEVICES)) {
			const device = this.devices.get(path.slice(DEVICES.length));
			if (device === undefined) return reasons.fail(nodeChecks.noDevice, path, () => listed([...this.devices.keys()]));
			return new VfioDeviceFile(device, true);
		}
		const group = this.#groups.get(path.slice(GROUPS.length));
		if (group === undefined) return reasons.fail(nodeChecks.noGroup, path, () => listed([...this.#groups.keys()]));
		if (group.opened) return reasons.fail(nodeChecks.groupOpen, path);
		if (group.boundAlone > 0) return reasons.fail(nodeChecks.groupInUse, group.boundDevices());
		return new VfioGroupFile(group);
	}

	#addPci(pci: PciDevice): void {
		if (pci.vfio === undefined) return;
		const { machine, topology, devices: behindIommu } = this.hardware;
		const { number } = topology.groupOf(pci.bdf);
		const hw = behindIommu.get(pci.bdf);
		const noIommu = hw === undefined;
		if (noIommu && !machine.kernel.noiommu) return;
		const mates = topology.groupOf(pci.bdf).devices;
		const group = this.#group(
			number,
			noIommu,
			mates.some((d) => d.driver !== undefined && d.driver !== "vfio-pci"),
		);
		const node = `${noIommu ? "noiommu-" : ""}vfio${pci.vfio}`;
		const iommu = hw ?? noIommuDevice(node, new IommuGroup(number), this.host.reasons);
		const isolated = noIommu || hw.iommu.driver.isolatesMsi || machine.kernel.unsafeInterrupts;
		const device = new PciVfioDevice(node, group, pci, iommu, isolated, this.#place(pci), this.host.physical);
		this.devices.set(node, device);
		this.#byPci.set(pci, device);
	}

	#addSiov(siov: SiovDevice): void {
		const { machine, topology, parts } = this.hardware;
		const device = parts.get(siov);
		if (device === undefined) return;
		const group = this.#group(topology.groupOfSiov(siov).number, false, false);
		const isolated = device.iommu.driver.isolatesMsi || machine.kernel.unsafeInterrupts;
		const node = `vfio${siov.vfio}`;
		this.devices.set(node, new SiovVfioDevice(node, group, device, isolated));
	}

	#addMdev(mdev: MediatedDevice): void {
		const { number } = this.hardware.topology.groupOfMdev(mdev);
		const node = `vfio${mdev.vfio}`;
		this.devices.set(node, new MdevVfioDevice(node, mdev.name, this.#group(number, false, false)));
	}

	#group(number: number, noIommu: boolean, hostUses: boolean): VfioGroup {
		const name = `${noIommu ? "noiommu-" : ""}${number}`;
		let group = this.#groups.get(name);
		if (group === undefined) {
			group = new VfioGroup(this.host, number, hostUses, noIommu);
			this.#groups.set(name, group);
		}
		return group;
	}

	#place(pci: PciDevice): PciPlace {
		const { topology } = this.hardware;
		const pf = pci.pf === undefined ? undefined : this.#byBdf.get(pci.pf);
		return {
			isPf: pci.model === "igb" || this.#pfs.has(pci.bdf),
			pf: () => pf && this.#byPci.get(pf),
			busMates: () => {
				if (topology.bridgeAbove(pci.bdf) === undefined) return undefined;
				const bus = this.#buses.get(pci.bdf >>> 8) ?? [];
				return bus.map((other) => ({ pci: other, vfio: this.#byPci.get(other) }));
			},
		};
	}
}
