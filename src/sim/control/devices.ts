/** Finds devices of the machine by the names that users give them. */
import { ENODEV, EOPNOTSUPP } from "../../kernel/errno.js";
import { parseBdf } from "../board/bdf.js";
import { ControlError } from "../contract/control-error.js";
import type { Sim } from "../system/sim.js";
import { HwDevice } from "../vendors/common/device.js";
import type { VfioDevice } from "../vfio/device.js";

/** A device of the machine that a user named. */
export interface NamedDevice {
	/** vfioN, if it has a file */
	readonly node: string | undefined;
	readonly vfio: VfioDevice | undefined;
	/** undefined: its accesses are made by software, or no IOMMU translates them */
	readonly hw: HwDevice | undefined;
}

const FOLDER = "/dev/vfio/devices/";

/** Finds `vfio3`, its path, `0000:00:12.0` or the name of a virtual device. Throws a ControlError. */
export function findDevice(sim: Sim, name: string): NamedDevice {
	const { hardware, vfio } = sim;
	if (hardware === undefined || vfio === undefined)
		throw new ControlError(ENODEV, "this machine has no devices but the selftest's mock ones");
	const node = name.startsWith(FOLDER) ? name.slice(FOLDER.length) : name;
	const direct = vfio.devices.get(node);
	if (direct !== undefined) return { node, vfio: direct, hw: hwOf(direct) };
	const bdf = parseBdf(name);
	for (const [each, device] of vfio.devices) {
		const hw = hwOf(device);
		if (device.name === name || (bdf !== undefined && hw?.bdf === bdf && hw.part === undefined)) return { node: each, vfio: device, hw };
	}
	const hw = bdf === undefined ? undefined : hardware.devices.get(bdf);
	if (hw !== undefined) return { node: undefined, vfio: undefined, hw };
	throw new ControlError(
		ENODEV,
		`there is no device "${name}" in machine ${hardware.machine.name}`,
		"machine show draws it, device list names its files",
	);
}

/** The same, for a device behind an IOMMU. */
export function findHwDevice(sim: Sim, name: string): HwDevice {
	const { hw } = findDevice(sim, name);
	if (hw === undefined)
		throw new ControlError(EOPNOTSUPP, `${name} is backed by software: no IOMMU sees its accesses, and it never faults through one`);
	return hw;
}

function hwOf({ iommu }: VfioDevice): HwDevice | undefined {
	return iommu instanceof HwDevice ? iommu : undefined;
}
