/** One page request interface (the PRI capability of a function), as a driver of the device sees it. */
import type { HwDevice } from "../vendors/common/device.js";
import type { DeviceRequests } from "./requests.js";

/** Bits of the PRI capability's status register (PCIe, 10.5.2.3). */
export const PRI_STATUS = { RESPONSE_FAILURE: 1, UNEXPECTED_GROUP: 2, STOPPED: 0x100 } as const;

/**
 * A PRI capability with one allocation of outstanding requests, which the function, the virtual devices that are PASIDs of it, and
 * its virtual functions share.
 */
export class RequestInterface {
	readonly users = new Set<DeviceRequests>();
	/** the device that was told FAILURE, and its owner at that time: until it is bound anew or reset, nothing is sent */
	#told: { readonly device: HwDevice; readonly under: object | undefined } | undefined;
	#unexpected = false;

	constructor(readonly owner: HwDevice) {}

	/** requests that may be outstanding together; 0: no PRI */
	get capacity(): number {
		return this.owner.pci.pri;
	}

	/** requests that wait for a response, including those of incomplete groups */
	get outstanding(): number {
		let count = 0;
		for (const user of this.users) count += user.outstanding;
		return count;
	}

	/** A Response Failure disables the interface until its driver enables it again (PCIe, 10.4.2.1). */
	get stopped(): boolean {
		return this.#told !== undefined && this.#told.under === this.#told.device.boundTo;
	}

	/** the status register */
	get status(): number {
		const { stopped } = this;
		// all outstanding requests of a disabled interface are done with: it ignores their responses
		return (stopped ? PRI_STATUS.RESPONSE_FAILURE | PRI_STATUS.STOPPED : 0) | (this.#unexpected ? PRI_STATUS.UNEXPECTED_GROUP : 0);
	}

	/** the status register in words */
	get statusWords(): string[] {
		return [...(this.stopped ? ["Response Failure", "Stopped"] : []), ...(this.#unexpected ? ["Unexpected Page Request Group Index"] : [])];
	}

	stop(device: HwDevice): void {
		this.#told = { device, under: device.boundTo };
	}

	/** A response came for a group that is not outstanding. */
	unexpected(): void {
		this.#unexpected = true;
	}

	/** A device that uses it was reset: its driver enables the interface again if it is the device's own, or stopped on its account. */
	reset(device: HwDevice): void {
		if (device === this.owner) this.#unexpected = false;
		if (device === this.owner || this.#told?.device === device) this.#told = undefined;
	}
}
