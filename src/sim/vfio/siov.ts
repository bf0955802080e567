/** Virtual devices of Scalable IOV. */
import type { Ret } from "../../kernel/kernel.js";
import type { IommufdContext } from "../iommufd/context.js";
import type { HwDevice } from "../vendors/common/device.js";
import { type Binding, PhysicalBinding } from "./binding.js";
import type { VfioGroup } from "./group.js";
import { MdevVfioDevice } from "./mdev.js";

/** A virtual device that is one PASID of its parent: registers in software, DMA by hardware. */
export class SiovVfioDevice extends MdevVfioDevice {
	constructor(
		node: string,
		group: VfioGroup,
		override readonly iommu: HwDevice,
		readonly isolated: boolean,
	) {
		super(node, iommu.name, group);
	}

	protected override bind(context: IommufdContext): Binding | Ret {
		return PhysicalBinding.bind(context, this.iommu, this.isolated);
	}
}
