/** The RISC-V driver's page tables for IOASes. */
import type { Ret } from "../../../kernel/kernel.js";
import type { IommuInstance } from "../../contract/driver.js";
import type { Area } from "../../iova/area.js";
import type { Interval } from "../../iova/interval-set.js";
import type { HwDevice } from "../common/device.js";
import type { GuestContextDomain } from "../common/guest-context-domain.js";
import { HwPagingDomain } from "../common/paging-domain.js";
import type { RiscvDriver } from "./driver.js";
import type { RiscvFeatures } from "./features.js";

/** Pages of 4 KiB, and an entry of each level above: 2 MiB, 1 GiB, 512 GiB, 256 TiB. */
const sizes = (levels: number): bigint =>
	Array.from({ length: levels }, (_, level) => 1n << BigInt(12 + 9 * level)).reduce((a, b) => a | b);

/** A kernel-managed table: of the first stage, or of the second if guests' tables are to be nested on it. */
export class RiscvPagingDomain extends HwPagingDomain {
	readonly aperture: Interval;
	readonly pageSizes: bigint;
	/** guests' device contexts on top of it */
	readonly children = new Set<GuestContextDomain>();

	constructor(
		iommu: IommuInstance,
		features: RiscvFeatures,
		override readonly secondStage: boolean,
	) {
		super(iommu);
		const width = secondStage ? features.secondStageWidth : features.firstStageWidth;
		this.aperture = { start: 0n, last: (1n << BigInt(width)) - 1n };
		this.pageSizes = sizes(Math.ceil((width - 14) / 9));
		this.enforcesCoherency = true;
	}

	override attach(device: HwDevice<RiscvDriver>): Ret {
		device.iommu.driver.forget(device);
		return 0;
	}

	override unmapped(area: Area): void {
		super.unmapped(area);
		for (const child of this.children) child.flush();
	}
}
