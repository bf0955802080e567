/** Translates a request as AMD hardware does: guest device table entry, guest CR3, guest tables, host tables. */
import { type IommuCaches, NO_PASID } from "../../mmu/caches.js";
import type { WalkObserver } from "../../mmu/observe.js";
import type { PhysMemory } from "../../mmu/phys-memory.js";
import { guestMemory, type Stage1, type Stage2, translate, translateStage2 } from "../../mmu/translate.js";
import { PRIV } from "../../mmu/walk.js";
import { walkX86, type X86Paging, x86Refuses } from "../../mmu/walk-x86.js";
import { type AmdEvent, amdEvent } from "./events.js";
import { type AmdGuestDte, lookupGcr3 } from "./gcr3.js";

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
			readonly event: AmdEvent;
			readonly stage2: boolean;
			readonly ats: boolean;
	  };

/** Translates the requests to one AMD IOMMU that go through a guest's tables. */
export class AmdTranslator {
	constructor(
		/** guest CR3s by device and PASID */
		readonly caches: IommuCaches<bigint>,
		readonly host: PhysMemory,
		/** what the IOMMU checks in guests' tables: NX (NXSup), user and supervisor (USSup) */
		readonly checks: { readonly noExecute: boolean; readonly user: boolean } = { noExecute: true, user: true },
		/** told what is read; absent: nobody draws its translations */
		readonly observe?: WalkObserver,
	) {}

	translate(request: AmdRequest, va: bigint, access: number): AmdOutcome {
		const { dte, stage2, rid, domain } = request;
		// without GIOV a request without PASID carries a guest-physical address
		const guest = dte?.valid && dte.guestValid && (request.pasid !== undefined || dte.guestIoValid);
		if (!guest) {
			if (dte && !dte.valid && request.pasid !== undefined) return refuse(amdEvent("not-present", access, true));
			const mapped = stage2.find(va) !== undefined;
			const found = translateStage2(stage2, va, access, this.observe);
			return found ?? refuse(amdEvent(mapped ? "permission" : "not-present", access, false), true, request.ats);
		}
		const context = request.pasid ?? NO_PASID;
		let root = this.caches.findPasid(rid, context);
		if (root === undefined) {
			const memory = guestMemory(this.host, stage2, undefined, this.observe);
			const got = lookupGcr3(memory, dte.gcr3, dte.glx, request.pasid ?? 0, this.observe);
			if (!got.ok) {
				const fetched = got.fault !== "table-fetch" || stage2.find(got.entry) === undefined;
				return refuse(amdEvent(got.fault, access, true, !fetched));
			}
			root = got.root;
			this.caches.addPasid({ device: rid, context, domain, value: root });
		}
		const { noExecute, user } = this.checks;
		// guest tables are read as a processor with CR0.WP = 1 reads them (2.2.6)
		const paging: X86Paging = { levels: dte.guestLevels ?? 4, root, noExecute, writeProtect: true, accessedDirty: true };
		// without USSup all transactions may use all pages
		const as = user ? (what: number) => what : (what: number) => what | PRIV;
		const table: Stage1 = {
			walk: (memory, at, what, cache, observe) => walkX86(memory, paging, at, as(what), cache, observe),
			refuses: (perm, what) => x86Refuses(paging, perm, as(what)),
		};
		const ats = request.ats ? { device: rid, context } : undefined;
		const space = { caches: this.caches, domain, context, ats, observe: this.observe };
		const outcome = translate(space, table, stage2, this.host, va, access);
		if (outcome.ok) return outcome;
		const { kind, stage, mapped } = outcome;
		// what the host refuses is told by whether it maps the page, whatever was to be done there
		const told = stage === 2 ? (mapped ? "permission" : "not-present") : kind;
		return refuse(amdEvent(told, access, true, told === "table-fetch"), stage === 2, outcome.ats);
	}
}

function refuse(event: AmdEvent, stage2 = false, ats = false): AmdOutcome {
	return { ok: false, event, stage2, ats };
}
