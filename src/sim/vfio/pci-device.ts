/** PCI functions bound to vfio-pci. */
import type { Ret } from "../../kernel/kernel.js";
import { formatBdf } from "../board/bdf.js";
import type { PciDevice } from "../board/description.js";
import type { PciModel } from "../board/pci-features.js";
import type { IommuDevice } from "../contract/device.js";
import type { IommufdContext } from "../iommufd/context.js";
import { type MemoryObject, PAGE_SIZE } from "../memory/memory-object.js";
import type { PhysicalMemory } from "../memory/physical-memory.js";
import type { UserArg } from "../memory/user-arg.js";
import type { Caller } from "../process/caller.js";
import type { UserIo } from "../process/io.js";
import { type Binding, PhysicalBinding } from "./binding.js";
import { resetChecks } from "./checks/device.js";
import { tokenChecks } from "./checks/device-file.js";
import { ConfigSpace } from "./config/space.js";
import { VfioDevice } from "./device.js";
import { DmaPort } from "./dma-port.js";
import { Edu } from "./edu.js";
import { listed, type VfioGroup } from "./group.js";
import { hotReset, hotResetInfo } from "./hot-reset.js";
import { type Delivery, Interrupts, MSI, MSIX } from "./interrupts/interrupts.js";
import { IoEventfds } from "./interrupts/ioeventfds.js";
import { setIrqs } from "./interrupts/set-irqs.js";
import { feature, LowPower } from "./pci-features.js";
import { deviceInfo, irqInfo, regionInfo, vectors } from "./pci-info.js";
import { modelOf } from "./pci-model.js";
import type { Bar } from "./regions/bar.js";
import { BarPages } from "./regions/bar-pages.js";
import { BarDmabufFile, type BarRange } from "./regions/dmabuf.js";
import { PciRegions } from "./regions/regions.js";
import * as request from "./requests.js";
import { howGiven, VfToken } from "./token.js";

/** How a PCI device relates to its neighbours. */
export interface PciPlace {
	/** devices that a reset of its bus resets, itself included; undefined: it is on a root bus */
	busMates(): readonly PciPlaceMate[] | undefined;
	/** a virtual function's physical function, if VFIO drives it */
	pf(): PciVfioDevice | undefined;
	/** it is a physical function */
	readonly isPf: boolean;
}

export interface PciPlaceMate {
	readonly pci: PciDevice;
	/** undefined: another driver has it */
	readonly vfio: PciVfioDevice | undefined;
}

/** A PCI function that vfio-pci drives. */
export class PciVfioDevice extends VfioDevice {
	readonly model: PciModel;
	readonly edu: Edu | undefined;
	readonly power = new LowPower();
	readonly interrupts = new Interrupts((kind, vectors) => this.config.setMessages(kind === MSI ? vectors : 0, kind === MSIX));
	readonly #ioeventfds = new IoEventfds(() => this.regions);
	#config: ConfigSpace | undefined;
	#regions: PciRegions | undefined;
	/** counts how often it was opened: DMA-bufs end with the opening that made them */
	#opening = 0;
	/** of a physical function */
	readonly token: VfToken | undefined;

	constructor(
		node: string,
		group: VfioGroup,
		readonly pci: PciDevice,
		override readonly iommu: IommuDevice,
		readonly isolated: boolean,
		readonly place: PciPlace,
		readonly memory: PhysicalMemory,
	) {
		super(node, formatBdf(pci.bdf), group);
		this.model = modelOf(pci);
		if (place.isPf) this.token = new VfToken();
		if (pci.model === "edu") {
			const port = new DmaPort(iommu, memory);
			this.edu = new Edu(
				() => (this.config.busMaster ? port : undefined),
				(status, raised) => this.#interrupt(status, raised),
			);
		}
	}

	/** Made when it is first needed: most devices of a machine are not opened. */
	get config(): ConfigSpace {
		this.#config ??= new ConfigSpace(this.pci, this.model, this.place.busMates() === undefined, {
			changed: () => this.interrupts.turnOff(this.config.intxOff),
			flr: () => this.wasReset(),
		});
		return this.#config;
	}

	get regions(): PciRegions {
		this.#regions ??= new PciRegions(this.node, this.model, this.config, this.edu, this.reasons);
		return this.#regions;
	}

	/** Whether it can be reset by itself: it has FLR, or a bus of its own. */
	get resets(): boolean {
		return this.model.resets || this.place.busMates()?.length === 1;
	}

	override checkToken(read: (() => Uint8Array | Ret) | undefined): Ret {
		const given = read?.();
		if (typeof given === "number") return given;
		if (this.pci.pf !== undefined) {
			const pf = this.place.pf();
			if (pf === undefined || pf.token?.is(given)) return 0;
			return this.reasons.fail(tokenChecks.vfToken, this.node, pf.node, howGiven(given));
		}
		const { token } = this;
		if (token === undefined) return given === undefined ? 0 : this.reasons.fail(tokenChecks.noToken, this.node);
		if (token.openVfs > 0) return token.is(given) ? 0 : this.reasons.fail(tokenChecks.pfToken, this.node, token.openVfs, howGiven(given));
		if (given !== undefined) token.set(given);
		return 0;
	}

	protected override bind(context: IommufdContext): Binding | Ret {
		return PhysicalBinding.bind(context, this.iommu, this.isolated);
	}

	protected override opened(): void {
		this.#opening++;
		this.config.enable();
		this.interrupts.turnOff(false);
		const token = this.place.pf()?.token;
		if (token !== undefined) token.openVfs++;
	}

	protected override closed(): void {
		this.#opening++;
		this.interrupts.reset();
		this.#ioeventfds.reset();
		this.#regions?.close();
		this.power.end();
		this.config.busMaster = false;
		const token = this.place.pf()?.token;
		if (token !== undefined) token.openVfs--;
	}

	override ioctl(process: Caller, number: number, arg: UserArg, alone: boolean): Ret {
		switch (number) {
			case request.VFIO_DEVICE_GET_INFO:
				return deviceInfo(this, process, arg);
			case request.VFIO_DEVICE_GET_REGION_INFO:
				return regionInfo(this, process, arg);
			case request.VFIO_DEVICE_GET_IRQ_INFO:
				return irqInfo(this, process, arg);
			case request.VFIO_DEVICE_SET_IRQS:
				return setIrqs(process, arg, this.interrupts, (index) => vectors(this, index));
			case request.VFIO_DEVICE_IOEVENTFD:
				return this.#ioeventfds.set(process, arg);
			case request.VFIO_DEVICE_FEATURE:
				return feature(this, process, arg);
			case request.VFIO_DEVICE_RESET:
				if (!this.resets) return this.#noReset();
				this.wasReset();
				return 0;
			case request.VFIO_DEVICE_GET_PCI_HOT_RESET_INFO:
				return hotResetInfo(this, process, arg, alone);
			case request.VFIO_DEVICE_PCI_HOT_RESET:
				return hotReset(this, process, arg, alone);
			default:
				return this.unknown(number);
		}
	}

	override read(process: Caller, io: UserIo, offset: bigint): Ret {
		return this.regions.read(process, io, offset);
	}

	override write(process: Caller, io: UserIo, offset: bigint): Ret {
		return this.regions.write(process, io, offset);
	}

	override mmap(offset: number, pages: number, onMapping: (change: 1 | -1) => void): { object: MemoryObject; page: number } | Ret {
		return this.regions.mmap(offset, pages, (bar) => this.#pages(bar, onMapping));
	}

	/** The pages of a BAR in memory; 0: there is none with this index. */
	barSize(index: number): number {
		const bar = this.model.bars.find((each) => each.index === index);
		return bar === undefined || bar.io ? 0 : bar.size;
	}

	exportBar(index: number, ranges: readonly BarRange[], flags: number): BarDmabufFile {
		const opening = this.#opening;
		const pages = this.#pages(this.regions.bar(index) as Bar, undefined);
		return new BarDmabufFile(pages, ranges, flags, () => this.#opening === opening && pages.answers(), this.reasons);
	}

	override wasReset(): void {
		this.#config?.wasReset();
		this.#regions?.wasReset();
		super.wasReset();
	}

	override masterBus(): void {
		this.config.busMaster = true;
	}

	override dma(dir: "read" | "write", iova: bigint, length: number, buf: number): Uint8Array[] {
		return this.edu?.copy(dir, iova, length, buf) ?? [];
	}

	/** A BAR as pages, which have frames like memory, so that the DMA of other devices finds them. */
	#pages(bar: Bar, onMapping: ((change: 1 | -1) => void) | undefined): BarPages {
		const pages = this.memory.adopt(
			bar.model.size / PAGE_SIZE,
			(frame) => new BarPages(bar, frame, () => this.config.memoryEnabled && !this.power.allowed),
		);
		pages.onMapping = onMapping;
		return pages;
	}

	/** edu's interrupt status register has changed. */
	#interrupt(status: number, raised: boolean): void {
		const { interrupts } = this;
		if (interrupts.messages) {
			if (raised) interrupts.send(0);
		} else this.setLine(status !== 0);
	}

	/** The device asserts INTx, or no longer does. */
	setLine(on: boolean): Delivery {
		this.config.setIntx(on);
		return this.interrupts.setLine(on);
	}

	#noReset(): Ret {
		const bus = () => {
			const mates = this.place.busMates()?.filter(({ pci }) => pci !== this.pci);
			return mates === undefined ? "is on a root bus" : `shares its bus with ${listed(mates.map(({ pci }) => formatBdf(pci.bdf)))}`;
		};
		return this.reasons.fail(resetChecks.noReset, this.node, bus);
	}
}
