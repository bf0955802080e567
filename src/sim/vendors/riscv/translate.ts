/** Translates a request as RISC-V hardware does: a guest's device context, its process directory, its tables, the host's. */
import { RISCV_MODES } from "../../../formats/riscv/index.js";
import { type IommuCaches, NO_PASID } from "../../mmu/caches.js";
import type { WalkObserver } from "../../mmu/observe.js";
import type { PhysMemory } from "../../mmu/phys-memory.js";
import { guestMemory, type Stage1, type Stage2, translate, translateStage2 } from "../../mmu/translate.js";
import { PRIV, READ } from "../../mmu/walk.js";
import { type RiscvPaging, riscvRefuses, walkRiscv } from "../../mmu/walk-riscv.js";
import {
	type ContextResult,
	fitsDirectory,
	lookupProcess,
	type ProcessContext,
	type RiscvContext,
	type RiscvFirstStage,
} from "./contexts.js";
import { answersAts, CAUSE, faultOf, guestPageFault, type RiscvFault, reportedAnyway } from "./faults.js";
import { levelsOf, type RiscvFeatures } from "./features.js";

export interface RiscvRequest {
	/** requester ID on the wire, which is the device ID */
	readonly rid: number;
	/** process ID; undefined: the request has none */
	readonly pasid?: number;
	readonly context: ContextResult;
	/** the host's tag for what is cached of the guest's tables, in place of a GSCID */
	readonly domain: number;
	readonly stage2: Stage2;
	/** the device asks for translations, if the context lets it */
	readonly ats?: boolean;
}

export type RiscvOutcome =
	| { readonly ok: true; readonly pa: bigint; readonly length: bigint }
	| {
			readonly ok: false;
			readonly fault: RiscvFault;
			/** it was an ATS request */
			readonly requested: boolean;
			/** an ATS request that was answered with no access granted: the device may ask for the page, and nothing is reported */
			readonly ats: boolean;
			/** the device context disables the report */
			readonly quiet: boolean;
	  };

/** Translates the requests to one RISC-V IOMMU that go through a guest's device context. */
export class RiscvTranslator {
	constructor(
		/** process contexts by device and process ID */
		readonly caches: IommuCaches<ProcessContext>,
		readonly host: PhysMemory,
		readonly features: RiscvFeatures,
		/** told what is read; absent: nobody draws its translations */
		readonly observe?: WalkObserver,
	) {}

	/** The process of 2.3, from the device context on. */
	translate(request: RiscvRequest, va: bigint, access: number): RiscvOutcome {
		const { context: found, pasid } = request;
		if (!found.ok) return refuse({ cause: found.cause, iotval2: 0n });
		const { context } = found;
		const requested = request.ats === true && context.ats;
		const outcome = this.#translate(request, context, va, pasid === undefined ? access & ~PRIV : access, requested);
		if (outcome.ok) return outcome;
		const { cause } = outcome.fault;
		const answered = requested && answersAts(cause);
		return { ...outcome, requested, ats: answered && context.pageRequests, quiet: answered || (context.quiet && !reportedAnyway(cause)) };
	}

	#translate(request: RiscvRequest, context: RiscvContext, va: bigint, access: number, requested: boolean): RiscvOutcome {
		const { rid, pasid, domain, stage2 } = request;
		const { directory } = context;
		const disallowed = refuse({ cause: CAUSE.TYPE_DISALLOWED, iotval2: 0n });
		if (pasid !== undefined && (directory === undefined || !fitsDirectory(directory.mode, pasid))) return disallowed;
		const pid = pasid ?? (context.defaultProcess ? 0 : undefined);
		let stage1: RiscvFirstStage = context.stage1;
		let supervisorUserAccess = false;
		if (directory !== undefined && pid !== undefined && directory.mode !== 0) {
			const process = this.#process(request, directory, pid, access);
			if ("ok" in process) return process;
			if ((access & PRIV) !== 0 && !process.supervisor) return disallowed;
			({ stage1, supervisorUserAccess } = process);
		}
		if (stage1.mode === RISCV_MODES.BARE) {
			const through = translateStage2(stage2, va, access, this.observe);
			return through ?? refuse(guestPageFault(access, va));
		}
		const paging: RiscvPaging = {
			levels: levelsOf(stage1.mode),
			root: stage1.root,
			setsAccessed: context.setsAccessed,
			supervisorUserAccess,
			memoryTypes: this.features.memoryTypes,
			softwareBits: this.features.softwareBits,
		};
		const table: Stage1 = {
			walk: (memory, at, what, cache, observe) => walkRiscv(memory, paging, at, what, cache, observe),
			refuses: (perm, what) => riscvRefuses(paging, perm, what),
			globals: true,
		};
		const ats = requested ? { device: rid, context: pasid ?? NO_PASID } : undefined;
		const space = { caches: this.caches, domain, context: stage1.pscid, ats, observe: this.observe };
		const outcome = translate(space, table, stage2, this.host, va, access);
		return outcome.ok ? outcome : refuse(faultOf(outcome, access));
	}

	/** A process context, from the cache or from the guest's directory. */
	#process(request: RiscvRequest, directory: { mode: number; root: bigint }, pid: number, access: number): ProcessContext | RiscvOutcome {
		const { rid, domain, stage2 } = request;
		const cached = this.caches.findPasid(rid, pid);
		if (cached !== undefined) return cached;
		const memory = guestMemory(this.host, stage2, undefined, this.observe);
		const got = lookupProcess(memory, directory, pid, this.features, this.observe);
		if (!got.ok) {
			const { cause, at } = got;
			const page = at === undefined ? undefined : stage2.find(at);
			// reading an entry of the directory is an implicit access of the first stage
			if (at !== undefined && (page === undefined || (page.perm & READ) === 0)) return refuse(guestPageFault(access, at, true));
			return refuse({ cause, iotval2: 0n });
		}
		this.caches.addPasid({ device: rid, context: pid, domain, value: got.process });
		return got.process;
	}
}

function refuse(fault: RiscvFault): Exclude<RiscvOutcome, { ok: true }> {
	return { ok: false, fault, requested: false, ats: false, quiet: false };
}
