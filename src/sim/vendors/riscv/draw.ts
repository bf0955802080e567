/** Draws how a RISC-V IOMMU translates an access. */
import { hex } from "../../../formats/bits.js";
import { RISCV_MODES, RISCV_PC, RISCV_PDT_ENTRY, RISCV_PTE } from "../../../formats/riscv/index.js";
import { decodeFields } from "../../../formats/words.js";
import type { Domain } from "../../contract/domain.js";
import { IommuCaches } from "../../mmu/caches.js";
import { ShadowMemory, WalkRecorder, type WalkStep } from "../../mmu/observe.js";
import { cachedFor, type DrawnWalk, drawSteps, setFields, type WalkEnd } from "../common/draw-walk.js";
import { HostMemory } from "../common/host-memory.js";
import type { ProcessContext } from "./contexts.js";
import { RiscvPagingDomain } from "./domains.js";
import type { RiscvDriver } from "./driver.js";
import { riscvWhy } from "./faults.js";
import { levelsOf, processIdBits } from "./features.js";
import { RiscvNestedDomain } from "./nested-domain.js";
import { type RiscvOutcome, RiscvTranslator } from "./translate.js";

/** Translates once more with nothing cached and nothing written, and draws what was read. `caches`: those that an access would ask. */
export function drawRiscv(
	driver: RiscvDriver,
	tables: string,
	iova: bigint,
	caches: IommuCaches<ProcessContext>,
	translate: (through: RiscvTranslator) => RiscvOutcome,
): DrawnWalk {
	const recorder = new WalkRecorder();
	const fresh = new IommuCaches<ProcessContext>();
	const host = new ShadowMemory(new HostMemory(driver.context.memory));
	const outcome = translate(new RiscvTranslator(fresh, host, driver.features, recorder));
	return { tables, steps: drawSteps(recorder.steps, describe), end: endOf(outcome), cached: cachedFor(fresh, caches, iova) };
}

/** What a table is, for a drawing. */
export function tablesOf(domain: Domain | undefined): string {
	if (domain instanceof RiscvPagingDomain) return `the host's ${domain.secondStage ? "second" : "first"} stage`;
	if (!(domain instanceof RiscvNestedDomain)) return "no table";
	const { context } = domain;
	if (!context.ok) return `a device context of the guest that the IOMMU does not take (${context.why})`;
	const { directory, stage1 } = context.context;
	if (directory !== undefined && directory.mode !== 0)
		return `the guest's process directory of ${processIdBits(directory.mode)} bits at ${hex(directory.root)}, on the host's second stage`;
	if (stage1.mode === 0) return "no first stage of the guest (Bare), the host's second stage";
	return `the guest's first stage of ${levelsOf(stage1.mode)} levels, root ${hex(stage1.root)}, on the host's second stage`;
}

function endOf(outcome: RiscvOutcome): WalkEnd {
	if (outcome.ok) return outcome;
	const { cause } = outcome.fault;
	return { ok: false, fault: `${cause}`, why: riscvWhy(cause) };
}

function describe({ stage, level = 0, name = "", words }: WalkStep) {
	if (stage === 1) return describeEntry(level, words);
	if (words.length === 1) {
		const { ppn, ...flags } = decodeFields(RISCV_PDT_ENTRY, words);
		return { name, flags: setFields(flags), next: ppn << 12n };
	}
	const { ppn, pscid, mode, ...flags } = decodeFields(RISCV_PC, words);
	return { name, flags: [...setFields(flags), `PSCID=${pscid}`, modeName(Number(mode))], next: mode === 0n ? undefined : ppn << 12n };
}

/** `Sv39` */
function modeName(mode: number): string {
	const found = Object.entries(RISCV_MODES).find(([, value]) => value === mode);
	return found === undefined ? `MODE=${mode}` : `${found[0][0]}${found[0].slice(1).toLowerCase()}`;
}

function describeEntry(level: number, words: readonly bigint[]) {
	const { ppn, ...bits } = decodeFields(RISCV_PTE, words);
	const flags = setFields(bits);
	if (bits.v === 0n) return { name: `PTE ${level}`, flags: ["not valid", ...flags] };
	const leaf = (bits.r | bits.w | bits.x) !== 0n;
	// of a contiguous group of 64 KiB the last bits of the PPN say its size
	const low = bits.n === 1n ? 0xfn : leaf ? (1n << BigInt(9 * level)) - 1n : 0n;
	return { name: `PTE ${level}`, flags, next: (ppn & ~low) << 12n };
}
