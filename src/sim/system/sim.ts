/** Assembles the simulated kernel from its rings. */
import { ioctls } from "../../../structs/index.js";
import type { Ret } from "../../kernel/kernel.js";
import type { LateMachine, Machine } from "../board/description.js";
import { vendorOf } from "../board/vendor.js";
import type { IommufdContext, IommufdHooks, IommufdSystem } from "../iommufd/context.js";
import { type Call, defineCall } from "../iommufd/dispatch.js";
import { IommufdFile } from "../iommufd/iommufd-file.js";
import type { MockMachine } from "../iommufd/selftest/machine.js";
import * as selftest from "../iommufd/selftest/machine.js"; // deferred
import { PhysicalMemory } from "../memory/physical-memory.js";
import type { SimFile } from "../process/file.js";
import { SimProcess as Process } from "../process/process.js";
import type { DeviceNodes } from "../process/services.js";
import type { Release } from "../uapi/release.js";
import type { DriverHooks } from "../vendors/common/hooks.js";
import type { Hardware } from "../vendors/hardware.js";
import * as building from "../vendors/hardware.js"; // deferred
import * as registry from "../vendors/registry.js"; // deferred
import type { Vendor } from "../vendors/vendor.js";
import type { VfioHooks, VfioHost } from "../vfio/host.js";
import type { VfioNodes } from "../vfio/nodes.js";
import * as nodes from "../vfio/nodes.js"; // deferred
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
	/** IOMMU_TEST_CMD, where the machine has the selftest's mock devices */
	readonly #testCall: Call | undefined;
	#mocks: MockMachine | undefined;
	#machine: Machine | LateMachine | undefined;
	#hardware: Hardware | undefined;
	#vfio: VfioNodes | undefined;
	readonly #vendors: readonly Vendor[] | undefined;

	/** @param vendors the vendors whose IOMMUs the machine may have; undefined: all */
	constructor(
		machine?: Machine | LateMachine,
		vendors?: readonly Vendor[],
		/** the kernel's release; undefined: 7.3 */
		readonly release: Release | undefined = undefined,
	) {
		this.#machine = machine;
		this.#vendors = vendors;
		if (this.#hasMocks()) this.#testCall = defineCall(ioctls.IOMMU_TEST_CMD, (command) => this.#mockMachine().run(command));
	}

	/** the vendors whose IOMMUs the machine may have */
	get vendors(): readonly Vendor[] {
		return this.#vendors ?? registry.vendors;
	}

	/** the machine's hardware; undefined: it has only the selftest's mock devices. Built on first use, as most commands never need it. */
	get hardware(): Hardware | undefined {
		if (this.#hardware !== undefined) return this.#hardware;
		const machine = this.#description();
		if (machine !== undefined)
			this.#hardware = building.buildHardware(machine, this.vendors, {
				memory: this.physical,
				hooks: this.hooks,
				reasons: this.reasons,
				warn: (line) => this.warn(line),
			});
		return this.#hardware;
	}

	get vfio(): VfioNodes | undefined {
		if (this.hardware !== undefined) this.#vfio ??= new nodes.VfioNodes(this.hardware, this);
		return this.#vfio;
	}

	/** VFIO's no-IOMMU mode is enabled */
	get noIommuAllowed(): boolean {
		return this.#description()?.kernel.noiommu ?? false;
	}

	#description(): Machine | undefined {
		if (this.#machine !== undefined && "make" in this.#machine) this.#machine = this.#machine.make();
		return this.#machine;
	}

	/** Devices of a kind without a driver are made by IOMMU_TEST_CMD. */
	#hasMocks(): boolean {
		const machine = this.#machine;
		if (machine === undefined) return true;
		return "make" in machine ? machine.mocks : machine.iommus.some(({ kind }) => vendorOf(this.vendors, kind).driver === undefined);
	}

	#mockMachine(): MockMachine {
		this.#mocks ??= new selftest.MockMachine(this.reasons, this.release);
		return this.#mocks;
	}

	newProcess(): SimProcess {
		return new Process<Sim>(this);
	}

	open(path: string): SimFile | Ret {
		// VFIO's container is iommufd's own file by another name (CONFIG_IOMMUFD_VFIO_CONTAINER).
		if (path === "/dev/iommu" || path === "/dev/vfio/vfio") return new IommufdFile(this, this.#testCall);
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
