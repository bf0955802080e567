/** Assembles the simulated kernel from its rings. */
import type { Ret } from "../../kernel/kernel.js";
import type { Machine } from "../board/description.js";
import { vendorOf } from "../board/vendor.js";
import type { IommufdContext, IommufdHooks, IommufdSystem } from "../iommufd/context.js";
import { IommufdFile } from "../iommufd/iommufd-file.js";
import { MockMachine } from "../iommufd/selftest/machine.js";
import { PhysicalMemory } from "../memory/physical-memory.js";
import type { SimFile } from "../process/file.js";
import { SimProcess as Process } from "../process/process.js";
import type { DeviceNodes } from "../process/services.js";
import type { Release } from "../uapi/release.js";
import type { DriverHooks } from "../vendors/common/hooks.js";
import { buildHardware, type Hardware } from "../vendors/hardware.js";
import { vendors as allVendors } from "../vendors/registry.js";
import type { Vendor } from "../vendors/vendor.js";
import type { VfioHooks, VfioHost } from "../vfio/host.js";
import { VfioNodes } from "../vfio/nodes.js";
import { Reasons } from "../why/reasons.js";
import { pathChecks } from "./checks.js";

/** How many lines the kernel log keeps. */
const LOG_LINES = 10_000;

/** A program that runs on it. */
export type SimProcess = Process<Sim>;

/** A simulated kernel and the machine that it runs on. */
export class Sim implements IommufdSystem, VfioHost, DeviceNodes {
	readonly physical = new PhysicalMemory();
	readonly reasons = new Reasons();
	readonly log: string[] = [];
	/** the hooks for proposals */
	readonly hooks: DriverHooks & IommufdHooks & VfioHooks = {};
	/** contexts that a file still holds */
	readonly contexts = new Set<IommufdContext>();
	/** asking a device to do DMA enables its bus mastering */
	dmaTurnsMasteringOn = true;
	/** how many numbers, from 0, name files that programs have without having opened them */
	foreignFiles = 0;
	replaced: ReadonlySet<number> | undefined;
	/** allocations so far */
	allocations = 0;
	/** the number of the allocation that fails; 0: none */
	failingAllocation = 0;
	/** called when it has failed; may set another one */
	allocationFailed: (() => void) | undefined;
	readonly #selftest: MockMachine | undefined;
	#hardware: Hardware | undefined;
	#vfio: VfioNodes | undefined;
	readonly #machine: Machine | undefined;
	readonly #vendors: readonly Vendor[];

	/** @param vendors the vendors whose IOMMUs the machine may have */
	constructor(
		machine?: Machine,
		vendors: readonly Vendor[] = allVendors,
		/** the kernel's release; undefined: 7.3 */
		readonly release: Release | undefined = undefined,
	) {
		this.#machine = machine;
		this.#vendors = vendors;
		// devices of a kind without a driver are made by IOMMU_TEST_CMD
		if (machine === undefined || machine.iommus.some(({ kind }) => vendorOf(vendors, kind).driver === undefined))
			this.#selftest = new MockMachine(this.reasons, release);
	}

	/** the machine's hardware; undefined: it has only the selftest's mock devices. Built on first use, as most commands never need it. */
	get hardware(): Hardware | undefined {
		if (this.#machine !== undefined)
			this.#hardware ??= buildHardware(this.#machine, this.#vendors, {
				memory: this.physical,
				hooks: this.hooks,
				reasons: this.reasons,
				warn: (line) => this.warn(line),
			});
		return this.#hardware;
	}

	get vfio(): VfioNodes | undefined {
		if (this.hardware !== undefined) this.#vfio ??= new VfioNodes(this.hardware, this);
		return this.#vfio;
	}

	/** VFIO's no-IOMMU mode is enabled */
	get noIommuAllowed(): boolean {
		return this.#machine?.kernel.noiommu ?? false;
	}

	newProcess(): SimProcess {
		return new Process<Sim>(this);
	}

	open(path: string): SimFile | Ret {
		// VFIO's container is iommufd's own file by another name (CONFIG_IOMMUFD_VFIO_CONTAINER).
		if (path === "/dev/iommu" || path === "/dev/vfio/vfio") return new IommufdFile(this, this.#selftest?.call);
		const { reasons } = this;
		const refused = this.release?.refusesFile(path, reasons) ?? 0;
		if (refused < 0) return refused;
		if (!path.startsWith("/dev/vfio/")) return reasons.fail(pathChecks.noNode, path);
		return this.vfio?.open(path) ?? reasons.fail(pathChecks.noVfio, path);
	}

	/** Counts an allocation by the kernel; false if fault injection makes it fail. */
	allocation(): boolean {
		if (++this.allocations !== this.failingAllocation) return true;
		this.allocationFailed?.();
		return false;
	}

	/** From now on the `n`th allocation fails; 0: none. Returns whether the one that was to fail until now has failed. */
	failNth(n: number): boolean {
		const failed = this.failingAllocation !== 0 && this.allocations >= this.failingAllocation;
		this.failingAllocation = n === 0 ? 0 : this.allocations + n;
		return failed;
	}

	/** Writes a line to the kernel log. */
	warn(line: string): void {
		if (this.log.length >= LOG_LINES) this.log.splice(0, LOG_LINES / 2);
		this.log.push(line);
	}
}
