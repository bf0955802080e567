/** Draws how a VT-d unit translates an access. */
import { hex } from "../../../formats/bits.js";
import { VTD_PASID_DIR_ENTRY, VTD_PASID_ENTRY } from "../../../formats/vtd/pasid-table.js";
import { decodeFields } from "../../../formats/words.js";
import { IommuCaches } from "../../mmu/caches.js";
import { ShadowMemory, WalkRecorder, type WalkStep } from "../../mmu/observe.js";
import { cachedFor, type DrawnWalk, describeX86, drawSteps, setFields, type WalkEnd } from "../common/draw-walk.js";
import { HostMemory } from "../common/host-memory.js";
import type { VtdDriver } from "./driver.js";
import { vtdReason } from "./fault-reasons.js";
import { type CachedVtdPasid, type VtdOutcome, VtdTranslator } from "./translate.js";

/** Translates once more with nothing cached and nothing written, and draws what was read. `caches`: those that an access would ask. */
export function drawVtd(
	driver: VtdDriver,
	tables: string,
	iova: bigint,
	caches: IommuCaches<CachedVtdPasid>,
	translate: (through: VtdTranslator) => VtdOutcome,
): DrawnWalk {
	const recorder = new WalkRecorder();
	const fresh = new IommuCaches<CachedVtdPasid>();
	const host = new ShadowMemory(new HostMemory(driver.context.memory));
	const outcome = translate(new VtdTranslator(fresh, host, driver.translator.limits, recorder));
	const steps = drawSteps(recorder.steps, describe);
	return { tables, steps, end: endOf(outcome), cached: cachedFor(fresh, caches, iova) };
}

function endOf(outcome: VtdOutcome): WalkEnd {
	if (outcome.ok) return outcome;
	const fault = hex(outcome.reason, 2);
	return { ok: false, fault, why: `fault reason ${fault}: ${vtdReason(outcome.reason)}` };
}

function describe(step: WalkStep) {
	const { stage, name = "", words } = step;
	if (stage === 1) return describeX86(step);
	if (words.length === 1) {
		const { smptblptr, ...flags } = decodeFields(VTD_PASID_DIR_ENTRY, words);
		return { name, flags: setFields(flags), next: smptblptr };
	}
	const { fsptptr, ssptptr: _, ...flags } = decodeFields(VTD_PASID_ENTRY, words);
	return { name, flags: setFields(flags), next: fsptptr };
}
