/** The simulated kernel with the proposals hooked in and the control of its machine. */
import type { LateMachine, Machine } from "../board/description.js";
import type { InvalidationReport, InvalidationReports } from "../extensions/invalidation-reports.js";
import * as reports from "../extensions/invalidation-reports.js"; // deferred
import * as pasids from "../extensions/pasid-space.js"; // deferred
import * as siov from "../extensions/siov.js"; // deferred
import { SimProcess as Process } from "../process/process.js";
import { Sim as System } from "../system/sim.js";
import type { Release } from "../uapi/release.js";
import * as devices from "../vendors/common/device.js"; // deferred
import type { Vendor } from "../vendors/vendor.js";
import type { SimControl } from "./control.js";
import * as steering from "./control.js"; // deferred

/** A program that runs on it. */
export type SimProcess = Process<Sim>;

/** A simulated kernel with the proposals hooked in. */
export class Sim extends System {
	#reports: InvalidationReports | undefined;
	#control: SimControl | undefined;

	constructor(machine?: Machine | LateMachine, vendors?: readonly Vendor[], release?: Release) {
		super(machine, vendors, release);
		this.hooks.mayBind = (context, device) => siov.refuseSharedFunction(this.vendors, context, device);
		this.hooks.mayAttach = (...attaching) => pasids.mayAttach(this.reasons, ...attaching);
		this.hooks.unbound = (device) => this.#control?.unbound(device);
		this.hooks.onReset = (device) => {
			if (device instanceof devices.HwDevice) this.control.reset(device);
		};
		this.hooks.onFailed = (...failure) => {
			this.#reports ??= new reports.InvalidationReports();
			this.#reports.add(...failure);
		};
	}

	override newProcess(): SimProcess {
		return new Process<Sim>(this);
	}

	/** The control of its machine, created on first use. */
	get control(): SimControl {
		this.#control ??= new steering.SimControl(this);
		return this.#control;
	}

	/** Invalidation entries that reported an error, by IOMMU, oldest first. */
	get invalidationReports(): readonly { readonly iommu: string; readonly reports: readonly InvalidationReport[] }[] {
		const own = (this.hardware?.iommus ?? []).map(({ name, driver }) => ({ iommu: name, reports: this.#reports?.of(driver) ?? [] }));
		return [...own, ...(this.#control?.queueReports.all ?? [])];
	}
}
