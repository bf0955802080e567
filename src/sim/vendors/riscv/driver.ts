/** The simulated RISC-V IOMMU driver: what the iommufd core calls. */
import {
	iommu_hwpt_data_type_riscv as DATA,
	iommufd_hwpt_alloc_flags as FLAG,
	iommu_hw_info_type as INFO,
	iommu_hw_info_riscv_iommu,
	iommu_hw_info_type_riscv as OWN_INFO,
} from "../../../../structs/index.js";
import type { Ret } from "../../../kernel/kernel.js";
import { formatRid } from "../../board/bdf.js";
import type { PciDevice } from "../../board/description.js";
import type { Domain, NestedDomain, PagingDomain } from "../../contract/domain.js";
import type { DmaOutcome, HwInfo } from "../../contract/driver.js";
import type { AllocData, GivenData } from "../../contract/user-data.js";
import { IommuCaches } from "../../mmu/caches.js";
import { READ, WRITE } from "../../mmu/walk.js";
import type { Reasons } from "../../why/reasons.js";
import { pciCapabilities } from "../common/capabilities.js";
import { atcChecks, endOf, loggedChecks } from "../common/checks.js";
import type { HwDevice } from "../common/device.js";
import { throughHost } from "../common/dma.js";
import type { DrawnWalk } from "../common/draw-walk.js";
import type { DriverContext, HwDriver } from "../common/driver.js";
import { type EventOutcome, fateOf, numberedFault, type RaisedEvent } from "../common/event.js";
import { FaultLog } from "../common/fault-log.js";
import { HostMemory } from "../common/host-memory.js";
import type { TableTranslator } from "../common/table-translator.js";
import { NESTED, type RiscvIommu } from "./board.js";
import { riscvContextChecks, riscvInfoChecks, riscvNotes, riscvPagingChecks } from "./checks.js";
import type { ProcessContext } from "./contexts.js";
import { RiscvPagingDomain } from "./domains.js";
import { drawRiscv, tablesOf } from "./draw.js";
import { CAUSE, guestPageFault, pageFault, type RiscvFault, riscvFaultLine, riscvWhy } from "./faults.js";
import { RiscvFeatures } from "./features.js";
import { RiscvLog } from "./log.js";
import { copyContext, RiscvNestedDomain } from "./nested-domain.js";
import { riscvTable } from "./process-directory.js";
import { type RiscvOutcome, type RiscvRequest, RiscvTranslator } from "./translate.js";

const { IOMMU_HWPT_ALLOC_NEST_PARENT: NEST } = FLAG;

/** The RISC-V driver, for one IOMMU. */
export class RiscvDriver implements HwDriver {
	readonly features: RiscvFeatures;
	/** the driver remaps no interrupts */
	readonly isolatesMsi = false;
	/** process contexts by device and process ID, and the translations made through them */
	readonly caches: IommuCaches<ProcessContext>;
	/** translates requests that go through guests' device contexts */
	readonly translator: RiscvTranslator;
	readonly log: RiscvLog;
	readonly #faults: FaultLog;
	/** the next tag for a guest's table; host tables need none here */
	#nextDomain = 1;

	constructor(
		readonly description: RiscvIommu,
		readonly context: DriverContext,
	) {
		this.features = new RiscvFeatures(description);
		this.caches = new IommuCaches(description.caches);
		this.caches.onAtcFailure = ({ device, error }) => {
			context.reasons.note(atcChecks.atcKept, formatRid(device), endOf(error));
			context.warn(
				`riscv-iommu ${description.name}: ATS.INVAL for device ${formatRid(device)} ${endOf(error)}: its cache keeps its entries`,
			);
			return false;
		};
		this.translator = new RiscvTranslator(this.caches, new HostMemory(context.memory), this.features);
		this.#faults = new FaultLog(context.warn);
		this.log = new RiscvLog(description, (device) => device.pasidTable !== undefined || this.#takesRequests(device));
	}

	get reasons(): Reasons {
		return this.context.reasons;
	}

	/** whether the uAPI for nesting is there, as it was posted */
	get nests(): boolean {
		return this.context.kernel.vendor[NESTED];
	}

	/** The driver attaches nothing for PASIDs; only a guest's process directory uses them. */
	pasidWidth(pci: PciDevice): number {
		return this.nests ? Math.min(this.features.pasidWidth, pci.pasidWidth) : 0;
	}

	capabilities(pci: PciDevice): number {
		return pciCapabilities(pci, this.pasidWidth(pci));
	}

	bindTable(base: bigint, size: number): TableTranslator {
		return riscvTable(this, base, size);
	}

	/** Raises a fault given by its cause. It goes to the kernel log, as guests have no event queue. */
	raise(device: HwDevice, event: RaisedEvent): EventOutcome {
		const { code, address, write, pasid } = numberedFault(device, event, {}, 0xfff);
		const fault = { cause: code, iotval2: 0n };
		const rid = device.requester.wire;
		this.reasons.note(loggedChecks.faultLogged, device.name, "RISC-V");
		const fate = fateOf(
			(take) => this.log.fault({ rid, pasid, iova: address, access: write ? WRITE : READ, ats: false }, fault, take),
			() => {
				this.context.warn(riscvFaultLine(this.description.name, rid, address, fault));
				return { fate: "unhandled", why: "guests have no event queue" };
			},
		);
		return { ...fate, record: undefined };
	}

	canTrackDirty(): boolean {
		return false;
	}

	/** A table of the first stage, or a nesting parent, which is of the second. */
	allocPaging(device: HwDevice, flags: number, from?: AllocData): PagingDomain | Ret {
		const { features, reasons } = this;
		const { name } = device.iommu;
		if (from?.data !== undefined) return reasons.fail(riscvPagingChecks.riscvPagingData, from.data.type);
		const known = this.nests ? NEST : 0;
		if ((flags & ~known) !== 0) return reasons.fail(riscvPagingChecks.riscvPagingFlags, flags, known === 0 ? "none" : "NEST_PARENT (1)");
		const secondStage = (flags & NEST) !== 0;
		if (secondStage && features.secondStageWidth === 0) return reasons.fail(riscvPagingChecks.riscvNoSecondStage, name);
		if (!secondStage && features.firstStageWidth === 0) return reasons.fail(riscvPagingChecks.riscvNoFirstStage, name);
		return new RiscvPagingDomain(device.iommu, features, secondStage);
	}

	allocNested(device: HwDevice, parent: PagingDomain, flags: number, from: GivenData): NestedDomain | Ret {
		const { reasons } = this;
		if (!this.nests || !(parent instanceof RiscvPagingDomain)) return reasons.fail(riscvContextChecks.riscvNestedOff);
		if (flags !== 0) return reasons.fail(riscvContextChecks.riscvNestedFlags, flags);
		const { type } = from.data;
		if (type !== DATA.IOMMU_HWPT_DATA_RISCV_IOMMU) return reasons.fail(riscvContextChecks.riscvNestedType, type);
		const context = copyContext(from, this.features, device.requester.wire);
		return typeof context === "number" ? context : new RiscvNestedDomain(this, parent, context, this.#nextDomain++);
	}

	hwInfo(_device: HwDevice, type: number): HwInfo | Ret | undefined {
		if (!this.nests) return undefined;
		const own = OWN_INFO.IOMMU_HW_INFO_TYPE_RISCV_IOMMU;
		if (type !== INFO.IOMMU_HW_INFO_TYPE_DEFAULT && type !== own) return this.reasons.fail(riscvInfoChecks.riscvInfoType, type);
		const { capabilities, fctl } = this.description;
		return { type: own, data: iommu_hw_info_riscv_iommu.encode({ capability: capabilities, fctl }) };
	}

	/** Page requests need EN_PRI, which only guests' device contexts have. */
	refusesRequests(device: HwDevice): string | undefined {
		const domain = this.#tableOf(device);
		if (domain === undefined || this.#takesRequests(device)) return undefined;
		return `EN_PRI is 0 in the ${domain instanceof RiscvNestedDomain ? "guest's" : "host's"} device context`;
	}

	#takesRequests(device: HwDevice): boolean {
		const domain = this.#tableOf(device);
		return domain instanceof RiscvNestedDomain && domain.context.ok && domain.context.context.pageRequests;
	}

	guestOwnsPasids(domain: Domain): boolean {
		return domain instanceof RiscvNestedDomain;
	}

	detached(device: HwDevice): void {
		this.forget(device);
	}

	/** The device context changes: drops everything cached through the old one, including in the device. */
	forget(device: HwDevice): void {
		const it = { type: "host-attach", device: device.requester.wire };
		this.caches.invalidate({ ...it, cache: "pasid" });
		if (device.pci.ats) this.caches.invalidate({ ...it, cache: "atc" });
	}

	dma(device: HwDevice, iova: bigint, access: number, pasid?: number): DmaOutcome {
		const from = { rid: device.requester.wire, pasid, ats: device.pci.ats };
		return this.finish(device, iova, access, pasid, this.#through(this.#tableOf(device), from, iova, access, this.translator));
	}

	walk(device: HwDevice, iova: bigint, access: number, pasid?: number): DrawnWalk {
		const domain = this.#tableOf(device);
		const from = { rid: device.requester.wire, pasid, ats: device.pci.ats };
		return drawRiscv(this, tablesOf(domain), iova, this.caches, (through) => this.#through(domain, from, iova, access, through));
	}

	walkTable(domain: Domain, iova: bigint, access: number, pasid?: number): DrawnWalk {
		return drawRiscv(this, tablesOf(domain), iova, this.caches, (through) =>
			this.#through(domain, { rid: 0, pasid }, iova, access, through),
		);
	}

	/** A device context is for all requests of a device, whatever their process IDs. */
	#tableOf(device: HwDevice): Domain | undefined {
		return device.group.attached.get(0)?.domain;
	}

	/** Translates a request through a table. */
	#through(
		domain: Domain | undefined,
		from: Pick<RiscvRequest, "rid" | "pasid" | "ats">,
		iova: bigint,
		access: number,
		through: RiscvTranslator,
	): RiscvOutcome {
		if (domain instanceof RiscvNestedDomain) {
			const { context, id, parent } = domain;
			return through.translate({ ...from, context, domain: id, stage2: parent }, iova, access);
		}
		// without a table the device context is not valid; the host's own have no process directory, and do not enable ATS
		if (!(domain instanceof RiscvPagingDomain)) return refuse({ cause: CAUSE.DDT_INVALID, iotval2: 0n });
		if (from.pasid !== undefined) return refuse({ cause: CAUSE.TYPE_DISALLOWED, iotval2: 0n });
		const found = throughHost(domain, iova, access, through.observe);
		return found ?? refuse(domain.secondStage ? guestPageFault(access, iova) : pageFault(access));
	}

	/** Describes a refusal, and records it unless it was an ATS request that was answered, or the guest does not want to know. */
	finish(device: HwDevice, iova: bigint, access: number, pasid: number | undefined, outcome: RiscvOutcome): DmaOutcome {
		if (outcome.ok) return outcome;
		const { fault, requested, ats, quiet } = outcome;
		const { name } = this.description;
		const rid = device.requester.wire;
		if (!quiet)
			this.log.fault({ rid, pasid, iova, access, ats: requested }, fault, () => this.#faults.add(riscvFaultLine(name, rid, iova, fault)));
		else if (!requested) this.reasons.note(riscvNotes.riscvFaultQuiet, device.name, iova);
		return { ok: false, ats, why: riscvWhy(fault.cause) };
	}
}

function refuse(fault: RiscvFault): RiscvOutcome {
	return { ok: false, fault, requested: false, ats: false, quiet: false };
}
