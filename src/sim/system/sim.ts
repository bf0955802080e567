/** The simulated kernel: the rings put together. */
import { ENOENT } from "../../kernel/errno.js";
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
import type { VfioHost } from "../vfio/host.js";
import { VfioNodes } from "../vfio/nodes.js";

/** Lines the kernel log keeps. */
const LOG_LINES = 10_000;

/** A program on it. */
export type SimProcess = Process<Sim>;

/** A simulated kernel, and the machine it runs on. */
export class Sim implements IommufdSystem, VfioHost, DeviceNodes {
	readonly physical = new PhysicalMemory();
	readonly log: string[] = [];
	/** where proposals hook in */
	readonly hooks: DriverHooks & IommufdHooks = {};
	/** contexts that some file still holds */
	readonly contexts = new Set<IommufdContext>();
	/** a device that is told to do DMA needs no bus mastering turned on before */
	dmaTurnsMasteringOn = true;
	/** the kernel's age; undefined: 7.3 */
	release: Release | undefined;
	/** allocations so far, and which of them is to fail; 0: none */
	allocations = 0;
	failingAllocation = 0;
	readonly #selftest: MockMachine | undefined;
	#hardware: Hardware | undefined;
	#vfio: VfioNodes | undefined;

	constructor(
		private readonly machine?: Machine,
		/** whose IOMMUs the machine may have */
		private readonly vendors: readonly Vendor[] = allVendors,
	) {
		// devices that no driver makes are made by IOMMU_TEST_CMD
		if (machine === undefined || machine.iommus.some(({ kind }) => vendorOf(vendors, kind).driver === undefined))
			this.#selftest = new MockMachine();
	}

	/** what the machine has; undefined: nothing but the selftest's mock devices. Most commands never need it: built when first asked for. */
	get hardware(): Hardware | undefined {
		if (this.machine !== undefined)
			this.#hardware ??= buildHardware(this.machine, this.vendors, {
				memory: this.physical,
				hooks: this.hooks,
				warn: (line) => this.warn(line),
			});
		return this.#hardware;
	}

	get vfio(): VfioNodes | undefined {
		if (this.hardware !== undefined) this.#vfio ??= new VfioNodes(this.hardware, this);
		return this.#vfio;
	}

	/** VFIO's no-IOMMU mode is on */
	get noIommuAllowed(): boolean {
		return this.machine?.kernel.noiommu ?? false;
	}

	newProcess(): SimProcess {
		return new Process<Sim>(this);
	}

	open(path: string): SimFile | Ret {
		if (path === "/dev/iommu") return new IommufdFile(this, this.#selftest?.call);
		if (this.release?.hasFile(path) === false) return -ENOENT;
		if (path.startsWith("/dev/vfio/")) return this.vfio?.open(path) ?? -ENOENT;
		return -ENOENT;
	}

	/** The kernel takes memory for something: false if there is none, by fault injection. */
	allocation(): boolean {
		return ++this.allocations !== this.failingAllocation;
	}

	/** Write a line into the kernel log. */
	warn(line: string): void {
		if (this.log.length >= LOG_LINES) this.log.splice(0, LOG_LINES / 2);
		this.log.push(line);
	}
}
