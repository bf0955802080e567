/** Draws how an AMD IOMMU translates an access. */
import { AMD_GCR3_ENTRY } from "../../../formats/amd/device-table.js";
import { hex } from "../../../formats/bits.js";
import { decodeFields } from "../../../formats/words.js";
import type { Domain } from "../../contract/domain.js";
import { IommuCaches } from "../../mmu/caches.js";
import { ShadowMemory, WalkRecorder, type WalkStep } from "../../mmu/observe.js";
import { cachedFor, type DrawnWalk, describeX86, drawSteps, setFields, type WalkEnd } from "../common/draw-walk.js";
import { HostMemory } from "../common/host-memory.js";
import { AmdPagingDomain } from "./domains.js";
import type { AmdDriver } from "./driver.js";
import { amdFaultName, amdWhy } from "./fault-log.js";
import { AmdNestedDomain } from "./nested-domain.js";
import { type AmdOutcome, AmdTranslator } from "./translate.js";

/** Translates once more with nothing cached and nothing written, and draws what was read. `caches`: those that an access would ask. */
export function drawAmd(
	driver: AmdDriver,
	tables: string,
	iova: bigint,
	caches: IommuCaches<bigint>,
	translate: (through: AmdTranslator) => AmdOutcome,
): DrawnWalk {
	const recorder = new WalkRecorder();
	const fresh = new IommuCaches<bigint>();
	const host = new ShadowMemory(new HostMemory(driver.context.memory));
	const outcome = translate(new AmdTranslator(fresh, host, driver.features, recorder));
	return { tables, steps: drawSteps(recorder.steps, describe), end: endOf(outcome), cached: cachedFor(fresh, caches, iova) };
}

/** What a table is, for a drawing. */
export function tablesOf(domain: Domain | undefined): string {
	if (domain instanceof AmdPagingDomain) return "the host's table";
	if (!(domain instanceof AmdNestedDomain)) return "no table";
	const { gcr3, glx, guestLevels = 4, guestValid } = domain.dte;
	if (!guestValid) return "no table of the guest (GV = 0), the host's table";
	return `the guest's CR3 table of ${glx + 1} levels at ${hex(gcr3)}, tables of ${guestLevels} levels, on the host's table`;
}

function endOf(outcome: AmdOutcome): WalkEnd {
	return outcome.ok ? outcome : { ok: false, fault: amdFaultName(outcome.event), why: amdWhy(outcome.event) };
}

function describe(step: WalkStep) {
	if (step.stage === 1) return describeX86(step);
	const { address, ...flags } = decodeFields(AMD_GCR3_ENTRY, step.words);
	return { name: step.name ?? "", flags: setFields(flags), next: address };
}
