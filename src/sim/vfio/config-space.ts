/** The PCI configuration space of a VFIO device. */
import type { PciDevice } from "../board/description.js";
import type { PciModel } from "./pci-model.js";

const COMMAND = 4;
/** I/O, memory and SERR: the command register of a device that the kernel has enabled */
const ENABLED = 0x0103;
const MEMORY = 2;
const BUS_MASTER = 4;
/** writable bits of the command register */
const WRITABLE = 0x0547;

/** A function's configuration space as VFIO shows it: identification and command register, and nothing beyond the header. */
export class ConfigSpace {
	readonly bytes: Uint8Array;
	readonly #view: DataView;

	constructor(pci: PciDevice, model: PciModel) {
		this.bytes = new Uint8Array(model.express ? 4096 : 256);
		const view = new DataView(this.bytes.buffer);
		this.#view = view;
		view.setUint16(0x00, pci.vendor, true);
		view.setUint16(0x02, pci.device, true);
		view.setUint32(0x08, ((model.classCode << 8) | model.revision) >>> 0, true);
		view.setUint8(0x0e, 0);
		view.setUint16(0x2c, 0x1af4, true);
		view.setUint16(0x2e, 0x1100, true);
		view.setUint8(0x3d, model.intx);
	}

	/** The kernel enables the device for its new owner, with bus mastering off. */
	enable(): void {
		this.#view.setUint16(COMMAND, ENABLED, true);
	}

	get busMaster(): boolean {
		return (this.#view.getUint16(COMMAND, true) & BUS_MASTER) !== 0;
	}

	set busMaster(on: boolean) {
		const command = this.#view.getUint16(COMMAND, true);
		this.#view.setUint16(COMMAND, on ? command | BUS_MASTER : command & ~BUS_MASTER, true);
	}

	get memoryEnabled(): boolean {
		return (this.#view.getUint16(COMMAND, true) & MEMORY) !== 0;
	}

	/** Writes change the writable bits of the command register; everything else is read-only here. */
	write(at: number, data: Uint8Array): void {
		for (let i = 0; i < data.length; i++) {
			const offset = at + i;
			if (offset !== COMMAND && offset !== COMMAND + 1) continue;
			const mask = offset === COMMAND ? WRITABLE & 0xff : WRITABLE >> 8;
			this.bytes[offset] = (this.bytes[offset] & ~mask) | (data[i] & mask);
		}
	}
}
