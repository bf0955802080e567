/** Translates a request as VT-d hardware does: PASID table, first stage, second stage. */
import { type IommuCaches, NO_PASID } from "../../mmu/caches.js";
import type { WalkObserver } from "../../mmu/observe.js";
import type { PhysMemory } from "../../mmu/phys-memory.js";
import { guestMemory, type Refusal, type Stage1, type Stage2, translate, translateStage2 } from "../../mmu/translate.js";
import { EXEC, PRIV } from "../../mmu/walk.js";
import { walkX86, type X86Paging, x86Refuses } from "../../mmu/walk-x86.js";
import { secondStageReason, vtdFaultReason } from "./fault-reasons.js";
import { lookupVtdPasid, type VtdLimits, type VtdPasidEntry, type VtdPasidTable, vtdPagingOf } from "./pasid-table.js";

export interface VtdRequest {
	/** requester ID on the wire */
	readonly rid: number;
	readonly pasid?: number;
	/** ID of the nested domain; a guest's own PASID table has its own domain IDs */
	readonly domain: number;
	/** absent: only the host's tables translate */
	readonly stage1?: X86Paging;
	/** instead of `stage1`: the guest's whole PASID table */
	readonly pasidTable?: VtdPasidTable;
	readonly stage2: Stage2;
	/** SRE, ERE: supervisor and execute requests are allowed; absent: they are */
	readonly supervisor?: boolean;
	readonly execute?: boolean;
	/** the device caches translations itself */
	readonly ats?: boolean;
}

export type VtdOutcome =
	| { readonly ok: true; readonly pa: bigint; readonly length: bigint }
	| {
			readonly ok: false;
			/** fault reason (specification, 7.1.3) */
			readonly reason: number;
			/** the host's own tables are at fault */
			readonly stage2: boolean;
			/** the guest disabled fault reports (FPD) */
			readonly quiet: boolean;
			/** an ATS request was refused: the device may send a page request */
			readonly ats: boolean;
	  };

/** An entry of the guest's PASID table, as the PASID cache keeps it. */
export type CachedVtdPasid = VtdPasidEntry;

/** Translates the requests to one VT-d unit that go through a guest's first stage. */
export class VtdTranslator {
	constructor(
		readonly caches: IommuCaches<CachedVtdPasid>,
		readonly host: PhysMemory,
		readonly limits: VtdLimits = { addressBits: 52, guestBits: 52, page1G: true },
		/** told what is read; absent: nobody draws its translations */
		readonly observe?: WalkObserver,
	) {}

	translate(request: VtdRequest, va: bigint, access: number): VtdOutcome {
		const { stage2, rid } = request;
		const context = request.pasid ?? NO_PASID;
		let { stage1, domain, supervisor, execute } = request;
		if (request.pasidTable) {
			const found = this.#pasid(request, request.pasidTable, context);
			if ("reason" in found) return found;
			if (found.type === 2 || found.type === 4) stage1 = undefined;
			else stage1 = vtdPagingOf(found, this.limits);
			domain = found.domainId;
			supervisor = found.supervisorRequests;
			execute = found.executeRequests;
		}
		if (!stage1)
			return (
				translateStage2(stage2, va, access, this.observe) ??
				refuse(secondStageReason(stage2.find(va), va, access, this.limits.guestBits), true, false, request.ats === true)
			);
		// ERE or SRE is clear: such requests are refused before any table is read (SPT.5, SPT.6)
		if ((access & EXEC) !== 0 && execute === false) return refuse(0x5c);
		if ((access & PRIV) !== 0 && supervisor === false) return refuse(0x5d);
		const paging = stage1;
		const table: Stage1 = {
			walk: (memory, at, what, cache, observe) => walkX86(memory, paging, at, what, cache, observe),
			refuses: (perm, what) => x86Refuses(paging, perm, what),
			globals: true,
		};
		const ats = request.ats ? { device: rid, context } : undefined;
		const space = { caches: this.caches, domain, context, ats, observe: this.observe };
		const outcome = translate(space, table, stage2, this.host, va, access);
		return outcome.ok ? outcome : this.#refused(outcome, paging.levels, stage2, access);
	}

	#refused(at: Refusal, levels: number, stage2: Stage2, access: number): VtdOutcome {
		const { ats, kind, level, ipa } = at;
		if (at.stage === 1) return refuse(vtdFaultReason({ fault: kind, level }, levels, access), false, false, ats);
		// nested translation: SFS.6 to SFS.8 for the guest's tables, else the second stage's own reasons
		if (kind === "update") return refuse(0x77, true, false, ats);
		if (at.table) return refuse(level === levels ? 0x75 : 0x76, true, false, ats);
		return refuse(secondStageReason(stage2.find(ipa), ipa, access, this.limits.guestBits), true, false, ats);
	}

	#pasid(request: VtdRequest, table: VtdPasidTable, context: number): VtdPasidEntry | Exclude<VtdOutcome, { ok: true }> {
		const cached = this.caches.findPasid(request.rid, context);
		if (cached) return cached;
		// RID_PASID: requests without PASID use entry 0
		const memory = guestMemory(this.host, request.stage2, undefined, this.observe);
		const got = lookupVtdPasid(memory, table, request.pasid ?? 0, this.observe);
		if (!got.ok) return refuse(got.reason, false, got.faultsDisabled);
		this.caches.addPasid({ device: request.rid, context, domain: got.entry.domainId, value: got.entry });
		return got.entry;
	}
}

function refuse(reason: number, stage2 = false, quiet = false, ats = false): Exclude<VtdOutcome, { ok: true }> {
	return { ok: false, reason, stage2, quiet, ats };
}
