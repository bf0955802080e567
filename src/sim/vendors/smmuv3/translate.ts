/** Translates an access as SMMUv3 hardware does: stream table entry, context descriptor, stage 1, stage 2. */
import { encodeSmmuEvent, type SmmuEventName } from "../../../formats/smmuv3/events.js";
import type { Values } from "../../../formats/words.js";
import { type IommuCaches, NO_PASID } from "../../mmu/caches.js";
import type { WalkObserver } from "../../mmu/observe.js";
import type { PhysMemory } from "../../mmu/phys-memory.js";
import { guestMemory, type Refusal, type Stage1, type Stage2, type Stage2Page, translate, translateStage2 } from "../../mmu/translate.js";
import { EXEC, type FaultKind, PRIV, READ, WRITE } from "../../mmu/walk.js";
import { type ArmPaging, armAllows, walkArm } from "../../mmu/walk-arm.js";
import { armHalf, type ContextDescriptor, fetchCd, usesStage1 } from "./cd.js";
import { badSte, type SmmuFeatures, STE_ABORT, type SteStage1 } from "./stream-table.js";

/** A cached CD with the host pages of its roots, which are translated when the CD is fetched. */
export interface CachedCd {
	readonly cd: ContextDescriptor;
	readonly roots: readonly [lower: Stage1["root"], upper: Stage1["root"]];
}

/** Stage 2, and what of it is in the TLB where that makes a difference. */
export interface SmmuStage2 extends Stage2 {
	/** Pages that forbid reading and that were written through stage 2 alone: their address >> 12. */
	readonly written?: Set<bigint>;
}

export interface SmmuStream {
	readonly sid: number;
	/** the nesting parent's */
	readonly vmid: number;
	readonly ste: SteStage1;
	readonly stage2: SmmuStage2;
	/** substream ID, if the transaction has one */
	readonly ssid?: number;
	/** the device caches translations itself, as EATS allows */
	readonly ats?: boolean;
}

export type SmmuOutcome =
	| { readonly ok: true; readonly pa: bigint; readonly length: bigint }
	| {
			readonly ok: false;
			/** absent: nothing is recorded (aborting stream, CD.R = 0, an ATS request) */
			readonly event?: SmmuEvent;
			/** the event that an ordinary transaction would have caused, where an ATS request causes none */
			readonly unrecorded?: SmmuEventName;
			/** the transaction waits; the driver fills in the event's STAG and Stall bit */
			readonly stall: boolean;
			/** an ATS request was answered without permissions: the device may send a page request */
			readonly ats: boolean;
	  };

export interface SmmuEvent {
	readonly name: SmmuEventName;
	readonly fields: Values;
	/** S2: the host's own tables are at fault, so the driver does not forward it */
	readonly stage2: boolean;
}

const EVENTS: Readonly<Record<FaultKind, SmmuEventName>> = {
	"non-canonical": "F_TRANSLATION",
	"not-present": "F_TRANSLATION",
	reserved: "F_TRANSLATION",
	"table-fetch": "F_TRANSLATION",
	"address-size": "F_ADDR_SIZE",
	"access-flag": "F_ACCESS",
	permission: "F_PERMISSION",
	privilege: "F_PERMISSION",
	update: "F_PERMISSION",
};

/** What a translator may have besides. */
export interface SmmuTranslatorOptions {
	/** QUIRKS.walkFaultsAsStage1 */
	readonly walkFaultsAsStage1?: boolean;
	/** QUIRKS.hitsAllowReads */
	readonly hitsAllowReads?: boolean;
	/** told what is read; absent: nobody draws its translations */
	readonly observe?: WalkObserver;
}

/** Translates the accesses of one SMMU's streams. */
export class SmmuTranslator {
	constructor(
		readonly smmu: SmmuFeatures,
		readonly caches: IommuCaches<CachedCd>,
		readonly host: PhysMemory,
		readonly options: SmmuTranslatorOptions = {},
	) {}

	/**
	 * Translates an access (READ, WRITE, EXEC, PRIV) at `va` of a stream. An ATS request causes no event whatever goes wrong: a
	 * fault of translation, of the CD's fetch too, is answered without permissions, a configuration error with Completer Abort
	 * (IHI0070, 3.9.1.2 and 7.3.22).
	 */
	translate(stream: SmmuStream, va: bigint, access: number): SmmuOutcome {
		const outcome = this.#translate(stream, va, access);
		if (outcome.ok || !stream.ats || outcome.event === undefined) return outcome;
		const { name } = outcome.event;
		return { ok: false, unrecorded: name, stall: false, ats: TRANSLATION_FAULTS.has(name) };
	}

	#translate(stream: SmmuStream, va: bigint, access: number): SmmuOutcome {
		const { ste } = stream;
		const { observe } = this.options;
		// the driver installs an invalid entry as abort
		if (!ste.valid || ste.config === STE_ABORT) return refuse(undefined);
		if (badSte(ste, this.smmu)) return refuse({ name: "C_BAD_STE", fields: streamFields(stream), stage2: false });
		if (!usesStage1(ste, stream.ssid)) {
			const { stage2 } = stream;
			// 7.3.9: without stage 1 there are no substreams
			if (stream.ssid !== undefined) return refuse({ name: "C_BAD_SUBSTREAMID", fields: streamFields(stream), stage2: false });
			const page = stage2.find(va);
			return this.#throughStage2(stage2, page, va, access) ?? refuse(stage2Event(page !== undefined, 2n, stream, va, access, va));
		}

		const context = stream.ssid ?? NO_PASID;
		let cached = this.caches.findPasid(stream.sid, context);
		if (!cached) {
			const fetched = this.#fetch(stream, va, access);
			if (!("cd" in fetched)) return fetched;
			cached = fetched;
			this.caches.addPasid({ device: stream.sid, context, value: cached });
		}
		const { cd, roots } = cached;
		const half = armHalf(cd, va);
		const stage1: Stage1 = {
			walk: (memory, at, what, cache, seen) => walkArm(memory, half, at, what, cache, seen),
			refuses: (perm, what) => (armAllows(half, perm, what) ? undefined : "permission"),
			root: roots[half.upper ? 1 : 0],
		};
		const space = {
			caches: this.caches,
			domain: stream.vmid,
			context: cd.asid,
			ats: stream.ats ? { device: stream.sid, context } : undefined,
			observe,
			hitsAllowReads: this.options.hitsAllowReads,
		};
		const outcome = translate(space, stage1, stream.stage2, this.host, va, access);
		return outcome.ok ? outcome : this.#refused(outcome, cd, half, stream, va, access);
	}

	/** By stage 2 alone. QUIRKS.hitsAllowReads: a page that forbids reading can be read once a write has brought it into the TLB. */
	#throughStage2(stage2: SmmuStage2, page: Stage2Page | undefined, va: bigint, access: number): ReturnType<typeof translateStage2> {
		const { hitsAllowReads, observe } = this.options;
		const written = hitsAllowReads ? stage2.written : undefined;
		if (written === undefined || page === undefined || (page.perm & READ) !== 0) return translateStage2(stage2, va, access, observe);
		const hit = written.has(va >> 12n);
		const done = translateStage2(stage2, va, hit ? access & ~READ : access, observe);
		if (done !== undefined && !hit) written.add(va >> 12n);
		return done;
	}

	#refused(at: Refusal, cd: ContextDescriptor, half: ArmPaging, stream: SmmuStream, va: bigint, access: number): SmmuOutcome {
		const { kind, ipa, table, mapped, ats } = at;
		if (at.stage === 2) {
			const event = stage2Event(mapped, table ? 1n : 2n, stream, va, access, ipa, kind === "update");
			if (!table || !this.options.walkFaultsAsStage1) return refuse(event);
			// QEMU looks the table's own address up, not that of the entry in it
			const fields = { ...event.fields, s2: 0n, ipa: ipa & -(1n << BigInt(half.granule)) };
			return refuse(cd.report ? { name: "F_TRANSLATION", fields, stage2: false } : undefined);
		}
		const fields = { ...streamFields(stream), ...accessFields(va, access) };
		// the bus refused the access to a table
		if (table) return refuse({ name: "F_WALK_EABT", fields: { ...fields, class: 1n, fetch: ipa & ~7n }, stage2: false });
		const event = { name: EVENTS[kind], fields: { ...fields, class: 2n }, stage2: false };
		if (ats) return refuse(event);
		if (cd.stall) return { ok: false, event, stall: true, ats: false };
		return refuse(cd.report ? event : undefined);
	}

	#fetch(stream: SmmuStream, va: bigint, access: number): CachedCd | Exclude<SmmuOutcome, { ok: true }> {
		const { stage2 } = stream;
		const { observe } = this.options;
		const got = fetchCd(guestMemory(this.host, stage2, undefined, observe), stream.ste, stream.ssid, this.smmu, observe);
		if (!got.ok) {
			if (got.event !== "F_CD_FETCH") return refuse({ name: got.event, fields: streamFields(stream), stage2: false });
			// mapped write-only or not at all: stage 2 refused it, not the bus
			return refuse(stage2Event(stage2.find(got.at) !== undefined, 0n, stream, va, access, got.at));
		}
		const roots: Stage1["root"][] = [];
		for (const half of [got.cd.lower, got.cd.upper]) {
			const page = half.disabled ? undefined : stage2.find(half.ttb);
			if (!half.disabled) observe?.located(half.ttb, page, READ);
			if (!half.disabled && (!page || (page.perm & READ) === 0))
				return refuse(stage2Event(page !== undefined, 1n, stream, va, access, half.ttb));
			roots.push(page && { ipa: half.ttb & ~0xfffn, pa: page.pa & ~0xfffn });
		}
		return { cd: got.cd, roots: [roots[0], roots[1]] };
	}
}

/** Events that an ATS request is answered for with success and no permissions. */
const TRANSLATION_FAULTS: ReadonlySet<SmmuEventName> = new Set(["F_TRANSLATION", "F_ADDR_SIZE", "F_ACCESS", "F_PERMISSION"]);

/** An event's record, 32 bytes. Of an IPA it holds bits 55:12; `wholeIpa` (QUIRKS.wholeIpa): the low ones too. */
export function smmuEventRecord({ name, fields }: SmmuEvent, wholeIpa = false): Uint8Array {
	const { ipa } = fields;
	if (ipa === undefined) return encodeSmmuEvent(name, fields);
	const record = encodeSmmuEvent(name, { ...fields, ipa: ipa & ~0xfffn });
	if (wholeIpa) new DataView(record.buffer).setBigUint64(24, ipa, true);
	return record;
}

function refuse(event: SmmuEvent | undefined): Exclude<SmmuOutcome, { ok: true }> {
	return { ok: false, event, stall: false, ats: false };
}

function streamFields(stream: SmmuStream): Values {
	const { sid, ssid } = stream;
	return { sid: BigInt(sid), ...(ssid === undefined ? {} : { ssv: 1n, ssid: BigInt(ssid) }) };
}

function accessFields(address: bigint, access: number): Values {
	return {
		address,
		rnw: (access & WRITE) !== 0 ? 0n : 1n,
		// InD is 0 for writes
		ind: (access & EXEC) !== 0 && (access & WRITE) === 0 ? 1n : 0n,
		pnu: (access & PRIV) !== 0 ? 1n : 0n,
	};
}

/** An event of the host's own tables. `cls`: 0 a CD is fetched, 1 a table is walked (`update`: written), 2 the transaction itself. */
function stage2Event(mapped: boolean, cls: bigint, stream: SmmuStream, va: bigint, access: number, ipa: bigint, update = false): SmmuEvent {
	const fields = { ...streamFields(stream), ...accessFields(va, access), class: cls, s2: 1n, ipa };
	if (!mapped) return { name: "F_TRANSLATION", fields, stage2: true };
	return { name: "F_PERMISSION", fields: cls === 1n ? { ...fields, ttrnw: update ? 0n : 1n } : fields, stage2: true };
}
