/** Translates a request as AMD hardware does: guest device table entry, guest CR3, guest tables, host tables. */
import { type IommuCaches, NO_PASID } from "../../mmu/caches.js";
import type { PhysMemory } from "../../mmu/phys-memory.js";
import { guestMemory, type Stage1, type Stage2, translate, translateStage2 } from "../../mmu/translate.js";
import { walkX86, type X86Paging, x86Refuses } from "../../mmu/walk-x86.js";
import { type AmdGuestDte, amdEvent, lookupGcr3 } from "./gcr3.js";

export interface AmdRequest {
	/** requester ID on the wire */
	readonly rid: number;
	readonly pasid?: number;
	/** absent: only the host's tables translate */
	readonly dte?: AmdGuestDte;
	/** the host's domain ID for the guest's table */
	readonly domain: number;
	readonly stage2: Stage2;
	readonly ats?: boolean;
}

export type AmdOutcome =
	| { readonly ok: true; readonly pa: bigint; readonly length: bigint }
	| {
			readonly ok: false;
			/** the event log's code and flags (amdEvent) */
			readonly event: { readonly code: number; readonly flags: number };
			readonly stage2: boolean;
			readonly ats: boolean;
	  };

/** Translates the requests to one AMD IOMMU that go through a guest's tables. */
export class AmdTranslator {
	constructor(
		/** guest CR3s by device and PASID */
		readonly caches: IommuCaches<bigint>,
		readonly host: PhysMemory,
	) {}

	translate(request: AmdRequest, va: bigint, access: number): AmdOutcome {
		const { dte, stage2, rid, domain } = request;
		// without GIOV a request without PASID carries a guest-physical address
		const guest = dte?.valid && dte.guestValid && (request.pasid !== undefined || dte.guestIoValid);
		if (!guest) {
			if (dte && !dte.valid && request.pasid !== undefined) return refuse(amdEvent("not-present", access));
			const mapped = stage2.find(va) !== undefined;
			return translateStage2(stage2, va, access) ?? refuse(amdEvent(mapped ? "permission" : "not-present", access), true);
		}
		const context = request.pasid ?? NO_PASID;
		let root = this.caches.findPasid(rid, context);
		if (root === undefined) {
			const got = lookupGcr3(guestMemory(this.host, stage2), dte.gcr3, dte.glx, request.pasid ?? 0);
			if (!got.ok) return refuse(amdEvent(got.fault, access), false);
			root = got.root;
			this.caches.addPasid({ device: rid, context, domain, value: root });
		}
		const paging: X86Paging = { levels: dte.guestLevels ?? 4, root, noExecute: true, accessedDirty: true };
		const table: Stage1 = {
			walk: (memory, at, what, cache) => walkX86(memory, paging, at, what, cache),
			refuses: (perm, what) => x86Refuses(paging, perm, what),
		};
		const ats = request.ats ? { device: rid, context } : undefined;
		const outcome = translate({ caches: this.caches, domain, context, ats }, table, stage2, this.host, va, access);
		if (outcome.ok) return outcome;
		return refuse(amdEvent(outcome.kind, access), outcome.stage === 2, outcome.ats);
	}
}

function refuse(event: { code: number; flags: number }, stage2 = false, ats = false): AmdOutcome {
	return { ok: false, event, stage2, ats };
}
