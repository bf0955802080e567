import { ENOENT } from "../kernel/errno.js";
import type { Ret } from "../kernel/kernel.js";
import { MockMachine } from "./drivers/selftest/machine.js";
import type { SimFile } from "./file.js";
import type { IommufdContext } from "./iommufd/context.js";
import type { Call } from "./iommufd/dispatch.js";
import { IommufdFile } from "./iommufd/iommufd-file.js";
import { PhysicalMemory } from "./memory/memory-object.js";
import { SimProcess } from "./process.js";

/** Lines the kernel log keeps. */
const LOG_LINES = 10_000;

/** A simulated kernel, and the machine it runs on. */
export class Sim {
	readonly physical = new PhysicalMemory();
	readonly log: string[] = [];
	/** contexts that were opened, for the look of it; closed ones are empty */
	readonly contexts = new Set<IommufdContext>();
	/** VFIO's no-IOMMU mode is built in */
	readonly noIommuAllowed: boolean = true;
	readonly selftest = new MockMachine();

	/** IOMMU_TEST_CMD, where the selftest driver is built in */
	get testCall(): Call | undefined {
		return this.selftest.call;
	}

	newProcess(): SimProcess {
		return new SimProcess(this);
	}

	open(_process: SimProcess, path: string): SimFile | Ret {
		if (path === "/dev/iommu") return new IommufdFile(this);
		return -ENOENT;
	}

	/** Write a line into the kernel log. */
	warn(line: string): void {
		if (this.log.length >= LOG_LINES) this.log.splice(0, LOG_LINES / 2);
		this.log.push(line);
	}
}
