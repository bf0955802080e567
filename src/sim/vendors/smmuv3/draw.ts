/** Draws how an SMMUv3 translates an access. */
import { hex } from "../../../formats/bits.js";
import { ARM_LEAF, ARM_TABLE } from "../../../formats/page-tables.js";
import { CD, L1CD } from "../../../formats/smmuv3/context-descriptor.js";
import { decodeFields } from "../../../formats/words.js";
import { IommuCaches } from "../../mmu/caches.js";
import { ShadowMemory, WalkRecorder, type WalkStep } from "../../mmu/observe.js";
import { cachedFor, type DrawnWalk, drawSteps, setFields, type WalkEnd } from "../common/draw-walk.js";
import { HostMemory } from "../common/host-memory.js";
import type { Resolved } from "./dma.js";
import { type SmmuDomain, SmmuNestedDomain } from "./domains.js";
import type { Smmu } from "./smmu.js";
import { STE_BYPASS, STE_S1 } from "./stream-table.js";
import { type CachedCd, SmmuTranslator } from "./translate.js";

/** Translates once more with nothing cached and nothing written, and draws what was read. `caches`: those that an access would ask. */
export function drawSmmu(
	smmu: Smmu,
	tables: string,
	iova: bigint,
	caches: IommuCaches<CachedCd>,
	translate: (through: SmmuTranslator) => Resolved,
): DrawnWalk {
	const recorder = new WalkRecorder();
	const fresh = new IommuCaches<CachedCd>();
	const host = new ShadowMemory(new HostMemory(smmu.host.memory));
	const options = { ...smmu.translator.options, observe: recorder };
	const outcome = translate(new SmmuTranslator(smmu.features, fresh, host, options));
	return { tables, steps: drawSteps(recorder.steps, describe), end: endOf(outcome), cached: cachedFor(fresh, caches, iova) };
}

/** What a table is, for a drawing. */
export function tablesOf(domain: SmmuDomain | undefined): string {
	if (domain === undefined) return "no table: the stream table entry says abort";
	if (!(domain instanceof SmmuNestedDomain)) return `the host's stage ${domain.stage}`;
	const { valid, config, contextPtr, cdMax } = domain.ste;
	if (valid && config === STE_BYPASS) return "no stage 1 (the guest's entry says bypass), the host's stage 2";
	if (!valid || config !== STE_S1) return "no table: the guest's entry says abort";
	const cds = cdMax === 0 ? "the guest's context descriptor" : `the guest's ${2 ** cdMax} context descriptors`;
	return `${cds} at ${hex(contextPtr)}, stage 1 on the host's stage 2`;
}

function endOf(outcome: Resolved): WalkEnd {
	if (outcome.ok) return outcome;
	const { event, unrecorded, why, stall } = outcome;
	const name = event?.name ?? unrecorded;
	if (name === undefined) return { ok: false, fault: "abort", why: why ?? "aborted, and nothing is recorded" };
	const stage = event?.fields.class === undefined ? "" : event.fields.s2 === 1n ? " at stage 2" : " at stage 1";
	const fate = unrecorded === undefined ? (stall ? ", and the transaction stalls" : "") : ", of which an ATS request leaves no record";
	return { ok: false, fault: name, why: `${name}${stage}${fate}` };
}

function describe({ stage, name = "", level = 0, words }: WalkStep) {
	if (stage === 0) {
		if (words.length > 1) return { name, flags: setFields(decodeFields(CD, words)) };
		const { l2ptr, ...flags } = decodeFields(L1CD, words);
		return { name, flags: setFields(flags), next: l2ptr };
	}
	const [word] = words;
	if ((word & 1n) === 0n) return { name: `level ${level}`, flags: ["invalid"] };
	if (level < 3 && (word & 2n) !== 0n) {
		const { address, valid: _, table: __, ...flags } = decodeFields(ARM_TABLE, words);
		return { name: `level ${level} table`, flags: setFields(flags), next: address };
	}
	const { address, valid: _, table: __, ap, ...flags } = decodeFields(ARM_LEAF, words);
	const access = [(ap & 2n) === 0n ? "RW" : "RO", (ap & 1n) === 0n ? "EL1" : "EL0"];
	return { name: `level ${level} ${level === 3 ? "page" : "block"}`, flags: [...access, ...setFields(flags)], next: address };
}
