/** The PCI configuration space of a VFIO device, as vfio-pci lets a program see and change it. */
import type { PciDevice } from "../../board/description.js";
import type { BarModel, PciModel } from "../../board/pci-features.js";
import {
	type Capability,
	DEVICE_CONTROL,
	ENABLE,
	EXPRESS,
	FLR,
	MSG_CONTROL,
	MSI_CAP,
	MSI_ENABLE,
	MSIX_CAP,
	PM,
	PMCSR,
} from "./capabilities.js";
import { extendedCapabilities, isExpress, standardCapabilities } from "./layout.js";

const COMMAND = 4;
const STATUS = 6;
const CACHE_LINE = 0x0c;
const BAR0 = 0x10;
const ROM = 0x30;
const CAPABILITIES = 0x34;
const INTERRUPT_LINE = 0x3c;
const EXTENDED = 0x100;
/** bits of the status register: INTx is asserted, there are capabilities */
const INTX_STATUS = 0x08;
const CAPABILITY_LIST = 0x10;
/** I/O, memory and SERR: the command register of a device that the kernel has enabled */
const ENABLED = 0x0103;
const MEMORY = 2;
const BUS_MASTER = 4;
const INTX_OFF = 0x0400;
/** writable bits of the command register */
const WRITABLE = 0x0507;
/** the interrupt line that firmware has written */
const LINE = 10;
/** bits of MSI's control register: how many of its vectors are in use, as a power of two */
const QUEUE_SIZE = 0x70;
/** Where the simulated machine has BARs: as much as one function takes at most, and for how many there is room below 4 GiB. */
const BARS = 0xc0000000;
const BARS_SIZE = 0x800000;
const BARS_PLACES = 64;

/** What a program's write of the configuration space does besides. */
export interface ConfigEvents {
	/** memory accesses or INTx are turned on or off, or the device has changed between D0 and D3hot */
	changed(): void;
	/** it starts a reset (FLR) */
	flr(): void;
}

/** A function's configuration space: registers, and for each bit whether a program can write it. */
export class ConfigSpace {
	readonly bytes: Uint8Array;
	/** the bits that a program can write */
	readonly #mask: Uint8Array;
	readonly #view: DataView;
	readonly #places = new Map<number, number>();
	/** vectors of MSI that are set up; 0: its enable bit cannot be written */
	#msi = 0;

	constructor(
		readonly pci: PciDevice,
		model: PciModel,
		/** it is on a root bus */
		root: boolean,
		readonly events?: ConfigEvents,
	) {
		const size = isExpress(pci, model) ? 4096 : 256;
		this.bytes = new Uint8Array(size);
		// What is in no capability is there all the same, and keeps what is written.
		this.#mask = new Uint8Array(size).fill(0xff, 0x40);
		if (size > EXTENDED) this.#mask.fill(0, EXTENDED, EXTENDED + 4);
		const view = new DataView(this.bytes.buffer);
		this.#view = view;
		view.setUint16(0x00, pci.vendor, true);
		view.setUint16(0x02, pci.device, true);
		view.setUint32(0x08, ((model.classCode << 8) | model.revision) >>> 0, true);
		view.setUint8(0x0e, 0);
		view.setUint16(0x2c, 0x1af4, true);
		view.setUint16(0x2e, 0x1100, true);
		view.setUint8(INTERRUPT_LINE, model.intx > 0 ? LINE : 0);
		view.setUint8(0x3d, model.intx);
		this.#allow(COMMAND, WRITABLE, 2);
		this.#allow(CACHE_LINE, 0xff, 1);
		this.#allow(INTERRUPT_LINE, 0xff, 1);
		let next = BARS + ((pci.vfio ?? 0) % BARS_PLACES) * BARS_SIZE;
		for (const bar of model.bars) next = this.#placeBar(bar, next);
		if (model.rom !== undefined) {
			view.setUint32(ROM, Math.ceil(next / model.rom) * model.rom, true);
			this.#allow(ROM, (~(model.rom - 1) | 1) >>> 0, 4);
		}
		this.#chain(standardCapabilities(pci, model, root));
		this.#chainExtended(extendedCapabilities(pci, model));
	}

	/** The kernel enables the device for its new owner, with bus mastering off. */
	enable(): void {
		this.#view.setUint16(COMMAND, ENABLED, true);
		this.#setState(0);
	}

	get busMaster(): boolean {
		return (this.#command & BUS_MASTER) !== 0;
	}

	set busMaster(on: boolean) {
		const command = this.#command;
		this.#view.setUint16(COMMAND, on ? command | BUS_MASTER : command & ~BUS_MASTER, true);
	}

	/** Whether BARs in memory answer: accesses are on, and the device is not in D3hot. */
	get memoryEnabled(): boolean {
		return (this.#command & MEMORY) !== 0 && !this.asleep;
	}

	get intxOff(): boolean {
		return (this.#command & INTX_OFF) !== 0;
	}

	/** the device is in D3hot */
	get asleep(): boolean {
		const at = this.#places.get(PM);
		return at !== undefined && (this.#view.getUint16(at + PMCSR, true) & 3) === 3;
	}

	/** The device asserts INTx, or no longer does. */
	setIntx(on: boolean): void {
		const status = this.#view.getUint16(STATUS, true);
		this.#view.setUint16(STATUS, on ? status | INTX_STATUS : status & ~INTX_STATUS, true);
	}

	/** The host has turned MSI and MSI-X on or off. The enable bit of MSI is the program's own copy; that of MSI-X is shown. */
	setMessages(msi: number, msix: boolean): void {
		this.#msi = msi;
		this.#limitMsi();
		const other = this.#places.get(MSIX_CAP);
		if (other === undefined) return;
		const control = this.#view.getUint16(other + MSG_CONTROL, true);
		this.#view.setUint16(other + MSG_CONTROL, msix ? control | ENABLE : control & ~ENABLE, true);
	}

	/** A copy of `length` bytes. */
	read(at: number, length: number): Uint8Array {
		return this.bytes.slice(at, at + length);
	}

	/** Writes change the writable bits; everything else keeps its value. */
	write(at: number, data: Uint8Array): void {
		const before = this.#command;
		const slept = this.asleep;
		for (let i = 0; i < data.length; i++) {
			const mask = this.#mask[at + i];
			if (mask !== 0) this.bytes[at + i] = (this.bytes[at + i] & ~mask) | (data[i] & mask);
		}
		this.#limitMsi();
		if (((before ^ this.#command) & (MEMORY | INTX_OFF)) !== 0 || slept !== this.asleep) this.events?.changed();
		const express = this.#places.get(EXPRESS);
		if (express !== undefined && this.#wrote(express + DEVICE_CONTROL + 1, FLR >> 8, at, data)) this.events?.flr();
	}

	/** No more of MSI is on, as the program sees it, than was set up. */
	#limitMsi(): void {
		const at = this.#places.get(MSI_CAP);
		if (at === undefined) return;
		const control = this.bytes[at + MSG_CONTROL];
		const most = this.#msi === 0 ? 0 : Math.ceil(Math.log2(this.#msi)) << 4;
		const limited = (control & ~QUEUE_SIZE) | Math.min(control & QUEUE_SIZE, most);
		this.bytes[at + MSG_CONTROL] = this.#msi === 0 ? limited & ~MSI_ENABLE : limited;
	}

	/** A reset: the kernel restores what the program had. */
	wasReset(): void {
		this.#setState(0);
	}

	get #command(): number {
		return this.#view.getUint16(COMMAND, true);
	}

	#setState(state: number): void {
		const at = this.#places.get(PM);
		if (at !== undefined) this.bytes[at + PMCSR] = (this.bytes[at + PMCSR] & ~3) | state;
	}

	/** Whether a write has a bit of a byte set. */
	#wrote(offset: number, bit: number, at: number, data: Uint8Array): boolean {
		return offset >= at && offset < at + data.length && (data[offset - at] & bit) !== 0;
	}

	#allow(at: number, mask: number, bytes: number): void {
		for (let i = 0; i < bytes; i++) this.#mask[at + i] |= (mask >>> (8 * i)) & 0xff;
	}

	/** A BAR's address, aligned to its size; where the next one may begin. */
	#placeBar({ index, size, address: given, io = false, wide = false, prefetchable = false }: BarModel, from: number): number {
		const at = BAR0 + 4 * index;
		const flags = io ? 1 : (wide ? 4 : 0) | (prefetchable ? 8 : 0);
		const address = given ?? Math.ceil(from / size) * size;
		const mask = BigInt.asUintN(64, -BigInt(size));
		this.#view.setUint32(at, ((io ? address & 0xffff : address) | flags) >>> 0, true);
		this.#allow(at, Number(mask & 0xffffffffn), 4);
		if (wide) {
			this.#view.setUint32(at + 4, Math.floor(address / 2 ** 32), true);
			this.#allow(at + 4, Number(mask >> 32n), 4);
		}
		return given === undefined ? address + size : from;
	}

	#chain(capabilities: readonly Capability[]): void {
		if (capabilities.length > 0) this.bytes[STATUS] |= CAPABILITY_LIST;
		let link = CAPABILITIES;
		for (const capability of capabilities) {
			const { id, at = 0x40 } = capability;
			this.bytes[link] = at;
			this.bytes[at] = id;
			link = at + 1;
			this.#fill(capability, at);
		}
	}

	/** Extended capabilities follow one another from 0x100; the first of those that are shown is there. */
	#chainExtended(capabilities: readonly Capability[]): void {
		let free = EXTENDED;
		let last: number | undefined;
		for (const capability of capabilities) {
			const at = capability.at ?? free;
			free = Math.max(free, (at + capability.length + 15) & ~15);
			if (capability.hidden) continue;
			if (last !== undefined) this.#view.setUint32(last, this.#view.getUint32(last, true) | (at << 20), true);
			this.#view.setUint32(at, capability.id | ((capability.version ?? 1) << 16), true);
			this.#fill(capability, at);
			last = at;
		}
	}

	#fill({ id, length, fill, writable = [] }: Capability, at: number): void {
		this.#mask.fill(0, at, at + length);
		if (at < EXTENDED) this.#places.set(id, at);
		fill?.(this.#view, at);
		for (const [offset, mask, bytes] of writable) this.#allow(at + offset, mask, bytes);
	}
}
