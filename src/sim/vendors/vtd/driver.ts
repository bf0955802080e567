/** The simulated VT-d driver: what the iommufd core calls. */
import {
	iommu_hwpt_data_type as DATA,
	iommufd_hwpt_alloc_flags as FLAG,
	iommu_hw_info_type as INFO,
	iommu_hw_info_vtd,
	iommu_hwpt_vtd_s1 as S1,
} from "../../../../structs/index.js";
import { hex } from "../../../formats/bits.js";
import { fromWords } from "../../../formats/words.js";
import type { Ret } from "../../../kernel/kernel.js";
import { formatRid } from "../../board/bdf.js";
import type { PciDevice } from "../../board/description.js";
import type { Domain, NestedDomain, PagingDomain } from "../../contract/domain.js";
import type { DmaOutcome, HwInfo } from "../../contract/driver.js";
import type { AllocData, GivenData } from "../../contract/user-data.js";
import { copyUserData } from "../../contract/user-data.js";
import { IommuCaches, NO_PASID } from "../../mmu/caches.js";
import type { AtcFailure } from "../../mmu/failing-atcs.js";
import { EXEC, PRIV, READ, WRITE } from "../../mmu/walk.js";
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
import type { VtdIommu } from "./board.js";
import { vtdInfoChecks, vtdNestedChecks, vtdPagingChecks, vtdQuietChecks } from "./checks.js";
import { drawVtd } from "./draw.js";
import { vtdFaultLine } from "./fault-log.js";
import { legacyReason, secondStageReason, vtdReason } from "./fault-reasons.js";
import { VtdFeatures } from "./features.js";
import { VtdLog, vtdFaultRecord } from "./log.js";
import { VtdNestedDomain } from "./nested-domain.js";
import { VtdPagingDomain } from "./paging-domain.js";
import { vtdTable } from "./pasid-directory.js";
import { type CachedVtdPasid, type VtdOutcome, type VtdRequest, VtdTranslator } from "./translate.js";

const { IOMMU_HWPT_ALLOC_NEST_PARENT: NEST, IOMMU_HWPT_ALLOC_PASID: PASID } = FLAG;

/** The VT-d driver, for one unit. */
export class VtdDriver implements HwDriver {
	readonly features: VtdFeatures;
	readonly caches: IommuCaches<CachedVtdPasid>;
	readonly isolatesMsi: boolean;
	/** translates requests that go through guests' tables */
	readonly translator: VtdTranslator;
	readonly #faults: FaultLog;
	readonly log: VtdLog;
	/** takes the failures of device-TLB invalidations while a caller reports them */
	#reported: AtcFailure[] | undefined;
	/** the next domain ID for a guest's table; host tables need none here */
	#nextDomain = 1;

	constructor(
		readonly description: VtdIommu,
		readonly context: DriverContext,
	) {
		this.features = new VtdFeatures(description);
		this.caches = new IommuCaches(description.caches);
		this.caches.onAtcFailure = (failure) => this.#atcFailed(failure);
		this.#faults = new FaultLog(context.warn);
		this.log = new VtdLog(description);
		this.isolatesMsi = description.interruptRemapping;
		const page1G = (this.features.firstStagePages & (1n << 30n)) !== 0n;
		const limits = { addressBits: 52, guestBits: this.features.secondStageWidth, page1G };
		this.translator = new VtdTranslator(this.caches, new HostMemory(context.memory), limits);
	}

	get reasons(): Reasons {
		return this.context.reasons;
	}

	/**
	 * Runs invalidations whose failures the caller reports, and adds them to the result. All others are submitted again after a
	 * time-out, which aborts the descriptor that waits for them (ITE of the fault status register), so that nothing stale is left.
	 */
	reporting(run: () => void): readonly AtcFailure[] {
		const failed: AtcFailure[] = [];
		this.#reported = failed;
		run();
		this.#reported = undefined;
		return failed;
	}

	/** Whether the invalidation is submitted once more. */
	#atcFailed(failure: AtcFailure): boolean {
		const { device, context, error } = failure;
		this.log.invalidationError(error, device);
		const again = error === "ITE" && this.#reported === undefined;
		if (!again) this.reasons.note(atcChecks.atcKept, formatRid(device), endOf(error));
		this.#reported?.push(failure);
		const what = error === "ITE" ? "Invalidation Time-out Error (ITE)" : "Invalidation Completion Error (ICE)";
		const whose = `[${formatRid(device)}]${context === undefined || context === NO_PASID ? "" : ` PASID 0x${context.toString(16)}`}`;
		const then = again ? "the invalidation is submitted again" : "its device TLB keeps its entries";
		this.context.warn(`DMAR: VT-d detected ${what} for device ${whose}: ${then}`);
		return again;
	}

	pasidWidth(pci: PciDevice): number {
		return Math.min(this.features.pasidWidth, pci.pasidWidth);
	}

	capabilities(pci: PciDevice): number {
		return pciCapabilities(pci, this.pasidWidth(pci));
	}

	/** in scalable mode a function's PASIDs can belong to different owners */
	get splitsFunctions(): boolean {
		return this.features.scalable;
	}

	bindTable(base: bigint, size: number): TableTranslator {
		return vtdTable(this, base, size);
	}

	/** Raises a fault given by its reason. It goes to the kernel log, as guests have no event queue. */
	raise(device: HwDevice, event: RaisedEvent): EventOutcome {
		const { code, address, write, pasid } = numberedFault(device, event);
		this.reasons.note(loggedChecks.faultLogged, device.name, "VT-d");
		const access = write ? WRITE : READ;
		const fault = { rid: device.requester.wire, pasid, address, access, reason: code, request: false };
		const fate = fateOf(
			(take) => this.log.fault(fault, take),
			() => {
				this.context.warn(vtdFaultLine(fault.rid, pasid, address, access, code));
				return { fate: "unhandled", why: "guests have no event queue" };
			},
		);
		return { ...fate, record: fromWords(vtdFaultRecord(fault)) };
	}

	canTrackDirty(): boolean {
		return this.features.dirtyTracking;
	}

	/** Allocates a first-stage table, unless the hardware lacks it or a flag needs the second stage. */
	allocPaging(device: HwDevice, flags: number, from?: AllocData): PagingDomain | Ret {
		const { features, reasons } = this;
		if (from?.data !== undefined) return reasons.fail(vtdPagingChecks.vtdPagingData, from.data.type);
		if (features.firstStage && (flags & ~PASID) === 0) return new VtdPagingDomain(device.iommu, features, "first", flags);
		const { name } = device.iommu;
		if (flags & NEST && !features.nesting)
			return reasons.fail(vtdPagingChecks.vtdNoNesting, name, features.scalable ? "ECAP.NEST is 0" : "it is in legacy mode");
		if (!features.secondStage) return reasons.fail(vtdPagingChecks.vtdNoSecondStage, flags, name);
		return new VtdPagingDomain(device.iommu, features, "second", flags);
	}

	allocNested(device: HwDevice, parent: VtdPagingDomain, _flags: number, from: GivenData): NestedDomain | Ret {
		const { data, process } = from;
		if (data.type !== DATA.IOMMU_HWPT_DATA_VTD_S1) return this.reasons.fail(vtdNestedChecks.vtdNestedType, data.type);
		const bytes = copyUserData(process, data, DATA.IOMMU_HWPT_DATA_VTD_S1, S1.size);
		if (typeof bytes === "number") return bytes;
		return new VtdNestedDomain(device.iommu, this, parent, S1.decode(bytes), this.#nextDomain++);
	}

	hwInfo(_device: HwDevice, type: number): HwInfo | Ret {
		const { cap, ecap, errata } = this.description;
		if (type !== INFO.IOMMU_HW_INFO_TYPE_DEFAULT && type !== INFO.IOMMU_HW_INFO_TYPE_INTEL_VTD)
			return this.reasons.fail(vtdInfoChecks.vtdInfoType, type);
		const data = iommu_hw_info_vtd.encode({ flags: errata ? 1 : 0, cap_reg: cap, ecap_reg: ecap });
		return { type: INFO.IOMMU_HW_INFO_TYPE_INTEL_VTD, data };
	}

	detached(device: HwDevice, pasid: number): void {
		this.forget(device, pasid);
	}

	/** The device's attachment changes: drops what the device itself cached through the old one. */
	forget(device: HwDevice, pasid: number): void {
		if (!device.pci.ats) return;
		this.caches.invalidate({ type: "host-attach", cache: "atc", device: device.requester.wire, context: device.cacheContext(pasid) });
	}

	dma(device: HwDevice, iova: bigint, access: number, pasid?: number): DmaOutcome {
		return this.finish(device, iova, access, pasid, this.#translate(device, iova, access, pasid, this.translator));
	}

	/** The driver sets DTE in the context entries of devices with ATS; elsewhere such requests are blocked (SCT.5, LCT.5). */
	refuseAts(device: HwDevice, iova: bigint, access: number, pasid?: number): (DmaOutcome & { ok: false }) | undefined {
		if (device.pci.ats) return undefined;
		const reason = this.features.scalable ? 0x44 : 0x0d;
		const rid = device.requester.wire;
		const fault = { rid, pasid, address: iova, access, reason, request: true };
		this.log.fault(fault, () => this.#faults.add(vtdFaultLine(rid, pasid, iova, access, reason)));
		return { ok: false, why: `fault reason ${hex(reason, 2)}: ${vtdReason(reason)}` };
	}

	walk(device: HwDevice, iova: bigint, access: number, pasid?: number): DrawnWalk {
		const domain = device.group.attached.get(pasid ?? 0)?.domain;
		return drawVtd(this, tablesOf(domain), iova, this.caches, (through) => this.#translate(device, iova, access, pasid, through));
	}

	walkTable(domain: Domain, iova: bigint, access: number, pasid?: number): DrawnWalk {
		return drawVtd(this, tablesOf(domain), iova, this.caches, (through) => this.#through(domain, { rid: 0, pasid }, iova, access, through));
	}

	/** Describes a refusal, and logs it unless it was an ATS request, which only the device sees. */
	finish(device: HwDevice, iova: bigint, access: number, pasid: number | undefined, outcome: VtdOutcome): DmaOutcome {
		if (outcome.ok) return outcome;
		const { reason, quiet, ats } = outcome;
		const sent = pasid ?? device.part?.pasid;
		if (!ats && quiet) this.reasons.note(vtdQuietChecks.vtdFaultQuiet, device.name, iova);
		if (!ats && !quiet) {
			const rid = device.requester.wire;
			// a device with ATS asks for translations before it sends anything
			const fault = { rid, pasid: sent, address: iova, access, reason, request: device.pci.ats };
			this.log.fault(fault, () => this.#faults.add(vtdFaultLine(rid, sent, iova, access, reason)));
		}
		return { ok: false, ats, why: `fault reason 0x${reason.toString(16).padStart(2, "0")}: ${vtdReason(reason)}` };
	}

	#translate(device: HwDevice, iova: bigint, access: number, pasid: number | undefined, through: VtdTranslator): VtdOutcome {
		const { requester, group, pci } = device;
		// In scalable mode the driver sets up only the device's own requester ID, not a bridge's alias: SCT.2.
		if (this.features.scalable && !requester.own) return refuse(0x41);
		const from = { rid: requester.wire, pasid: pasid ?? device.part?.pasid, ats: pci.ats };
		return this.#through(group.attached.get(pasid ?? 0)?.domain, from, iova, access, through);
	}

	/** Translates a request through a table. */
	#through(
		domain: Domain | undefined,
		from: Pick<VtdRequest, "rid" | "pasid" | "ats">,
		iova: bigint,
		access: number,
		through: VtdTranslator,
	): VtdOutcome {
		const { scalable, secondStageWidth } = this.features;
		const { ats } = from;
		if (domain instanceof VtdPagingDomain) {
			// in the PASID table entries of its own first stage the driver sets neither ERE nor SRE
			if (domain.stage === "first" && (access & (EXEC | PRIV)) !== 0) return refuse((access & EXEC) !== 0 ? 0x5c : 0x5d);
			const found = throughHost(domain, iova, access, through.observe);
			if (found !== undefined) return found;
			if (domain.stage === "first") return refuse(domain.find(iova) === undefined ? 0x71 : 0x85, ats);
			if (!scalable) return refuse(legacyReason(iova, access, secondStageWidth), ats);
			return refuse(secondStageReason(domain.find(iova), iova, access, secondStageWidth), ats);
		}
		if (!(domain instanceof VtdNestedDomain)) return refuse(scalable ? 0x59 : 0x02);
		const request = {
			...from,
			domain: domain.id,
			stage1: domain.paging,
			stage2: domain.parent,
			supervisor: domain.supervisor,
			// the uAPI has no flag for ERE
			execute: false,
		};
		return through.translate(request, iova, access);
	}
}

function refuse(reason: number, ats = false): VtdOutcome {
	return { ok: false, reason, stage2: false, quiet: false, ats };
}

/** What a table is, for a drawing. */
function tablesOf(domain: Domain | undefined): string {
	if (domain instanceof VtdPagingDomain) return `the host's ${domain.stage} stage`;
	if (!(domain instanceof VtdNestedDomain)) return "no table";
	const { levels, root } = domain.paging;
	return `the guest's first stage of ${levels} levels, root ${hex(root)}, on the host's second stage`;
}
