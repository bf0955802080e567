/** The simulated kernel with the proposals hooked in and the control of its machine. */
import type { Machine } from "../board/description.js";
import { type InvalidationReport, InvalidationReports } from "../extensions/invalidation-reports.js";
import { mayAttach } from "../extensions/pasid-space.js";
import { refuseSharedFunction } from "../extensions/siov.js";
import { SimProcess as Process } from "../process/process.js";
import { Sim as System } from "../system/sim.js";
import type { Release } from "../uapi/release.js";
import { HwDevice } from "../vendors/common/device.js";
import { vendors as all } from "../vendors/registry.js";
import type { Vendor } from "../vendors/vendor.js";
import { SimControl } from "./control.js";

/** A program that runs on it. */
export type SimProcess = Process<Sim>;

/** A simulated kernel with the proposals hooked in. */
export class Sim extends System {
	readonly #reports = new InvalidationReports();
	#control: SimControl | undefined;

	constructor(machine?: Machine, vendors: readonly Vendor[] = all, release?: Release) {
		super(machine, vendors, release);
		this.hooks.mayBind = (context, device) => refuseSharedFunction(vendors, context, device);
		this.hooks.mayAttach = (...attaching) => mayAttach(this.reasons, ...attaching);
		this.hooks.unbound = (device) => this.#control?.unbound(device);
		this.hooks.onReset = (device) => {
			if (device instanceof HwDevice) this.control.reset(device);
		};
		this.hooks.onFailed = (...failure) => this.#reports.add(...failure);
	}

	override newProcess(): SimProcess {
		return new Process<Sim>(this);
	}

	/** The control of its machine, created on first use. */
	get control(): SimControl {
		this.#control ??= new SimControl(this);
		return this.#control;
	}

	/** Invalidation entries that reported an error, by IOMMU, oldest first. */
	get invalidationReports(): readonly { readonly iommu: string; readonly reports: readonly InvalidationReport[] }[] {
		const own = (this.hardware?.iommus ?? []).map(({ name, driver }) => ({ iommu: name, reports: this.#reports.of(driver) }));
		return [...own, ...(this.#control?.queueReports.all ?? [])];
	}
}
