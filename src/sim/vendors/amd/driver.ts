/** The simulated AMD IOMMU driver: what the iommufd core calls. */
import { iommufd_hwpt_alloc_flags as FLAG, iommu_hw_info_type as INFO, iommu_hw_info_amd } from "../../../../structs/index.js";
import { AMD_EVENTS, AMD_FAULT_FLAGS } from "../../../formats/amd/events.js";
import { fromWords } from "../../../formats/words.js";
import type { Ret } from "../../../kernel/kernel.js";
import { formatBdf, formatRid } from "../../board/bdf.js";
import type { PciDevice } from "../../board/description.js";
import type { Domain, NestedDomain, PagingDomain } from "../../contract/domain.js";
import type { DmaOutcome, HwInfo } from "../../contract/driver.js";
import type { AllocData } from "../../contract/user-data.js";
import type { ViommuCore, ViommuOps } from "../../contract/viommu.js";
import { IommuCaches } from "../../mmu/caches.js";
import { PRIV } from "../../mmu/walk.js";
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
import { type AmdIommu, IOMMUFD, NESTED } from "./board.js";
import { amdInfoChecks, amdNestedChecks, amdPagingChecks, amdViommuChecks } from "./checks.js";
import { AmdPagingDomain } from "./domains.js";
import { drawAmd, tablesOf } from "./draw.js";
import { amdEvent } from "./events.js";
import { amdFaultLine, amdWhy } from "./fault-log.js";
import { AmdFeatures } from "./features.js";
import { amdTable } from "./gcr3-table.js";
import { AmdLog, amdFaultRecord } from "./log.js";
import { AmdNestedDomain, copyDte } from "./nested-domain.js";
import { type AmdOutcome, type AmdRequest, AmdTranslator } from "./translate.js";

const { IOMMU_HWPT_ALLOC_NEST_PARENT: NEST, IOMMU_HWPT_ALLOC_PASID: PASID } = FLAG;

/** INVALID_DEVICE_REQUEST's type for a translation request while I is 0. */
const TRANSLATION_NOT_ENABLED = 1n;

/** The AMD driver, for one IOMMU. */
export class AmdDriver implements HwDriver {
	readonly features: AmdFeatures;
	readonly isolatesMsi: boolean;
	/** guest CR3s by device and PASID, and the translations made through them */
	readonly caches: IommuCaches<bigint>;
	/** translates requests that go through guests' tables */
	readonly translator: AmdTranslator;
	readonly #faults: FaultLog;
	readonly log: AmdLog;
	/** the next domain ID for a guest's table; host tables need none here */
	#nextDomain = 1;

	constructor(
		readonly description: AmdIommu,
		readonly context: DriverContext,
	) {
		this.features = new AmdFeatures(description);
		this.isolatesMsi = description.interruptRemapping;
		this.caches = new IommuCaches(description.caches);
		this.caches.onAtcFailure = ({ device, error }) => {
			context.reasons.note(atcChecks.atcKept, formatRid(device), endOf(error));
			const code = error === "ITE" ? AMD_EVENTS.IOTLB_INV_TIMEOUT : AMD_EVENTS.INVALID_DEVICE_REQUEST;
			this.log.event(code, { device_id: BigInt(device) }, () =>
				context.warn(
					`AMD-Vi: Event logged [${error === "ITE" ? "IOTLB_INV_TIMEOUT" : "INVALID_DEVICE_REQUEST"} device=${formatRid(device)}]: its cache keeps its entries`,
				),
			);
			return false;
		};
		this.translator = new AmdTranslator(this.caches, new HostMemory(context.memory), this.features);
		this.#faults = new FaultLog(context.warn);
		this.log = new AmdLog(description);
	}

	get reasons(): Reasons {
		return this.context.reasons;
	}

	pasidWidth(pci: PciDevice): number {
		return Math.min(this.features.pasidWidth, pci.pasidWidth);
	}

	capabilities(pci: PciDevice): number {
		return pciCapabilities(pci, this.pasidWidth(pci));
	}

	bindTable(base: bigint, size: number): TableTranslator {
		return amdTable(this, base, size);
	}

	/** Raises an event given by its code. It goes to the kernel log, as guests have no event queue. */
	raise(device: HwDevice, event: RaisedEvent): EventOutcome {
		const { code, address, write, pasid } = numberedFault(device, event, AMD_EVENTS, 0xf);
		this.reasons.note(loggedChecks.faultLogged, device.name, "AMD");
		const raised = { code, flags: (write ? AMD_FAULT_FLAGS.rw : 0) | (pasid === undefined ? 0 : AMD_FAULT_FLAGS.gn | AMD_FAULT_FLAGS.us) };
		const from = { rid: device.requester.wire, pasid, domain: 0, address };
		const fate = fateOf(
			(take) => this.log.fault(from, raised, take),
			() => {
				this.context.warn(amdFaultLine(device.bdf, pasid, 0, address, raised));
				return { fate: "unhandled", why: "guests have no event queue" };
			},
		);
		return { ...fate, record: fromWords(amdFaultRecord(from, raised)) };
	}

	canTrackDirty(): boolean {
		return this.features.dirtyTracking;
	}

	allocPaging(device: HwDevice, flags: number, from?: AllocData): PagingDomain | Ret {
		const { features, reasons } = this;
		const { name } = device.iommu;
		if (from?.data !== undefined) return reasons.fail(amdPagingChecks.amdPagingData, from.data.type);
		// A table for PASIDs has the guest's format, so it can neither be a parent nor track dirty pages.
		if (flags & PASID && features.pasidWidth === 0) return reasons.fail(amdPagingChecks.amdNoPasids, name);
		if (flags & PASID && flags !== PASID) return reasons.fail(amdPagingChecks.amdPasidFlags, flags);
		if (flags & NEST && !features.nesting) return reasons.fail(amdPagingChecks.amdNoNesting, name);
		return new AmdPagingDomain(device.iommu, flags);
	}

	hwInfo(_device: HwDevice, type: number): HwInfo | Ret | undefined {
		if (!this.context.kernel.vendor[IOMMUFD]) return undefined;
		if (type !== INFO.IOMMU_HW_INFO_TYPE_DEFAULT && type !== INFO.IOMMU_HW_INFO_TYPE_AMD)
			return this.reasons.fail(amdInfoChecks.amdInfoType, type);
		const { efr, efr2 } = this.description;
		return { type: INFO.IOMMU_HW_INFO_TYPE_AMD, data: iommu_hw_info_amd.encode({ efr, efr2 }) };
	}

	/** Accepts every type, as the driver does not check it. */
	viommuSupported(): Ret {
		return this.context.kernel.vendor[IOMMUFD] ? 0 : this.reasons.fail(amdViommuChecks.amdNoViommus);
	}

	/** In 7.3 no table can be nested through it yet; the kernel option adds what the data type is meant for. */
	initViommu(_viommu: ViommuCore, parent: PagingDomain): ViommuOps | Ret {
		if (!this.context.kernel.vendor[NESTED] || !(parent instanceof AmdPagingDomain)) return {};
		return {
			allocNested: (_device, flags, from): NestedDomain | Ret => {
				if (flags !== 0) return this.reasons.fail(amdNestedChecks.amdNestedFlags, flags);
				const dte = copyDte(from, this.features.fiveLevels);
				return typeof dte === "number" ? dte : new AmdNestedDomain(this, parent, dte, this.#nextDomain++);
			},
		};
	}

	guestOwnsPasids(domain: Domain): boolean {
		return domain instanceof AmdNestedDomain;
	}

	detached(device: HwDevice): void {
		this.forget(device);
	}

	/** The device table entry changes: drops everything cached through the old one, including in the device. */
	forget(device: HwDevice): void {
		const it = { type: "host-attach", device: device.requester.wire };
		this.caches.invalidate({ ...it, cache: "pasid" });
		if (device.pci.ats) this.caches.invalidate({ ...it, cache: "atc" });
	}

	dma(device: HwDevice, iova: bigint, access: number, pasid?: number): DmaOutcome {
		const domain = this.#tableOf(device, pasid);
		const from = { rid: device.requester.wire, pasid, ats: device.pci.ats };
		const outcome = this.#through(domain, from, iova, access, this.translator);
		return this.finish(device, iova, pasid, domain instanceof AmdNestedDomain ? domain.id : 0, outcome);
	}

	/** Without I in the device table entry, a translation request is an INVALID_DEVICE_REQUEST (specification, 2.5.9). */
	refuseAts(device: HwDevice, iova: bigint, access: number, pasid?: number): (DmaOutcome & { ok: false }) | undefined {
		const domain = this.#tableOf(device, pasid);
		if (device.pci.ats && (!(domain instanceof AmdNestedDomain) || domain.dte.ats)) return undefined;
		const code = AMD_EVENTS.INVALID_DEVICE_REQUEST;
		const id = pasid ?? 0;
		const fields = {
			device_id: BigInt(device.requester.wire),
			domain_or_pasid: BigInt(id & 0xffff),
			pasid_high: BigInt(id >> 16),
			gn: pasid === undefined ? 0n : 1n,
			us: (access & PRIV) === 0 ? 1n : 0n,
			tr: 1n,
			type: TRANSLATION_NOT_ENABLED,
			address: iova,
		};
		this.log.event(code, fields, () =>
			this.#faults.add(
				`AMD-Vi: Event logged [INVALID_DEVICE_REQUEST device=${formatBdf(device.bdf)}${pasid === undefined ? "" : ` pasid=0x${pasid.toString(16)}`} address=0x${iova.toString(16)}]: a translation request, which its entry does not allow`,
			),
		);
		return { ok: false, why: "INVALID_DEVICE_REQUEST: the device table entry does not allow translation requests (I = 0)" };
	}

	walk(device: HwDevice, iova: bigint, access: number, pasid?: number): DrawnWalk {
		const domain = this.#tableOf(device, pasid);
		const from = { rid: device.requester.wire, pasid, ats: device.pci.ats };
		return drawAmd(this, tablesOf(domain), iova, this.caches, (through) => this.#through(domain, from, iova, access, through));
	}

	walkTable(domain: Domain, iova: bigint, access: number, pasid?: number): DrawnWalk {
		return drawAmd(this, tablesOf(domain), iova, this.caches, (through) => this.#through(domain, { rid: 0, pasid }, iova, access, through));
	}

	/** The table for a device's requests of a PASID; a guest's entry serves all PASIDs for which the host attached none. */
	#tableOf(device: HwDevice, pasid: number | undefined): Domain | undefined {
		const { attached } = device.group;
		const own = attached.get(0)?.domain;
		return attached.get(pasid ?? 0)?.domain ?? (own instanceof AmdNestedDomain ? own : undefined);
	}

	/** Translates a request through a table. */
	#through(
		domain: Domain | undefined,
		from: Pick<AmdRequest, "rid" | "pasid" | "ats">,
		iova: bigint,
		access: number,
		through: AmdTranslator,
	): AmdOutcome {
		const { pasid, ats = false } = from;
		if (domain instanceof AmdPagingDomain) {
			const found = throughHost(domain, iova, access, through.observe);
			if (found !== undefined) return found;
			// a PASID's table has the guest's format, whoever keeps it
			const event = amdEvent(domain.find(iova) === undefined ? "not-present" : "permission", access, pasid !== undefined);
			return { ok: false, event, stage2: true, ats };
		}
		if (!(domain instanceof AmdNestedDomain))
			return { ok: false, event: amdEvent("not-present", access, pasid !== undefined), stage2: false, ats: false };
		const { dte, id, parent } = domain;
		const outcome = through.translate({ ...from, dte, domain: id, stage2: parent, ats: ats && dte.ats }, iova, access);
		// without PPR the guest does not allow page requests from the device
		return outcome.ok || dte.pageRequests ? outcome : { ...outcome, ats: false };
	}

	/** Describes a refusal, and logs it unless it was an ATS request, which only the device sees. */
	finish(device: HwDevice, iova: bigint, pasid: number | undefined, domain: number, outcome: AmdOutcome): DmaOutcome {
		if (outcome.ok) return outcome;
		const { event, ats } = outcome;
		const from = { rid: device.requester.wire, pasid, domain, address: iova };
		if (!ats) this.log.fault(from, event, () => this.#faults.add(amdFaultLine(device.bdf, pasid, domain, iova, event)));
		return { ok: false, ats, why: amdWhy(event) };
	}
}
