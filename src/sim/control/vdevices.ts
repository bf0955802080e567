/** Looks up virtual devices of an open /dev/iommu by ID. */
import type { Kernel } from "../../kernel/kernel.js";
import { IommufdFile } from "../iommufd/iommufd-file.js";
import { Viommu } from "../iommufd/viommu.js";
import { SimProcess } from "../process/process.js";
import type { Sim } from "../system/sim.js";

export interface FoundVdevice {
	/** object ID in the context */
	readonly vdevice: number;
	/** object ID in the context */
	readonly device: number;
	readonly virtId: bigint;
	readonly name: string;
}

/** Finds a virtual device by the guest's ID or by the device's, in a virtual IOMMU of the open file; a string says why there is none. */
export function findVdevice(
	sim: Sim,
	kernel: Kernel,
	fd: number,
	viommuId: number,
	wanted: { readonly virtId: bigint | undefined; readonly device: number | undefined },
): FoundVdevice | string {
	// a kernel that records or injects stands in front of the process
	const file = kernel instanceof SimProcess ? kernel.file(fd) : undefined;
	const contexts = file instanceof IommufdFile ? [file.context] : [...sim.contexts];
	const viommu = contexts.map((context) => context.get(viommuId)).find((object) => object instanceof Viommu);
	if (viommu === undefined) return `there is no virtual IOMMU ${viommuId} in this context`;
	for (const { id, device, virtId } of viommu.vdevices.values())
		if (virtId === wanted.virtId || device.id === wanted.device)
			return { vdevice: id, device: device.id, virtId, name: device.device.name };
	return wanted.virtId === undefined
		? `device ${wanted.device} has no virtual device in virtual IOMMU ${viommuId}`
		: `no virtual device has ID 0x${wanted.virtId.toString(16)} in virtual IOMMU ${viommuId}`;
}
