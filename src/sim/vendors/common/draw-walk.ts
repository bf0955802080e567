/** A translation as it is drawn: each thing that was read, with its flags, and how it ended. */
import { hex } from "../../../formats/bits.js";
import { X86_ENTRY } from "../../../formats/page-tables.js";
import { decodeFields } from "../../../formats/words.js";
import type { CacheRow, IommuCaches } from "../../mmu/caches.js";
import type { WalkStep } from "../../mmu/observe.js";
import { READ, WRITE } from "../../mmu/walk.js";

/** One line of a drawing. */
export interface DrawnStep {
	/** 0: a structure that selects the tables; 1: an entry of a guest's tables; 2: a mapping of the host */
	readonly stage: 0 | 1 | 2;
	readonly name: string;
	/** guest-physical; of a mapping of the host: the address that it maps */
	readonly address: bigint;
	/** what is there, as 64-bit words; of a mapping of the host none */
	readonly words: readonly bigint[];
	/** in the specification's names */
	readonly flags: readonly string[];
	/** the address that it leads to; of a mapping of the host: host-physical */
	readonly next?: bigint;
}

/** How a translation ended: where the access goes, or the fault that it raises, which the last step is to blame for. */
export type WalkEnd =
	| { readonly ok: true; readonly pa: bigint; readonly length: bigint }
	| {
			readonly ok: false;
			/** in the vendor's terms: `0x71`, `F_TRANSLATION` */
			readonly fault: string;
			/** the same in words */
			readonly why: string;
	  };

/** A drawn translation. It shows the tables as they are, whatever is cached of them. */
export interface DrawnWalk {
	/** what is walked, in words */
	readonly tables: string;
	readonly steps: readonly DrawnStep[];
	readonly end: WalkEnd;
	/** lines of the IOTLB that an access would use in place of this */
	readonly cached: readonly CacheRow[];
}

/** Names a structure or an entry of a guest's tables. */
export type Describe = (step: WalkStep) => Pick<DrawnStep, "name" | "flags" | "next">;

/** The steps of a drawing; mappings of the host look alike everywhere. */
export function drawSteps(steps: readonly WalkStep[], describe: Describe): DrawnStep[] {
	return steps.map((step) => {
		const { stage, address, words, page } = step;
		const named =
			stage === 2
				? {
						name: "host",
						flags: page === undefined ? ["not mapped"] : [permText(page.perm)],
						next: page?.pa,
					}
				: describe(step);
		return { stage, address, words, ...named };
	});
}

const permText = (perm: number): string => `${perm & READ ? "R" : ""}${perm & WRITE ? "W" : ""}` || "no access";

/** What the IOMMU has cached for the addresses that a walk went to: `fresh` are the caches that the walk alone filled. */
export function cachedFor(fresh: IommuCaches, real: IommuCaches, iova: bigint): CacheRow[] {
	const [row] = fresh.list().filter(({ cache }) => cache === "iotlb" || cache === "paging");
	if (row === undefined) return [];
	return real.wouldHit({ type: "", cache: "iotlb", domain: row.domain, context: row.context, range: { first: iova, last: iova } });
}

const X86_NAMES = ["", "PTE", "PDE", "PDPTE", "PML4E", "PML5E"];

/** An entry of x86-64 tables. */
export function describeX86({ level = 1, words }: WalkStep): ReturnType<Describe> {
	const { address, ps, ...bits } = decodeFields(X86_ENTRY, words);
	const set = Object.entries(bits).flatMap(([name, value]) => (value === 0n ? [] : [name.toUpperCase()]));
	const leaf = level === 1 || ps === 1n;
	const size = 12n + 9n * BigInt(level - 1);
	const flags = [...set, ...(ps === 1n && level > 1 ? ["PS"] : [])];
	const next = bits.p === 0n ? undefined : leaf ? (address >> size) << size : address;
	return { name: X86_NAMES[level] ?? `level ${level}`, flags: bits.p === 0n ? ["not present", ...flags] : flags, next };
}

/** The fields of a structure that are not 0, as flags. */
export function setFields(fields: Readonly<Record<string, bigint>>): string[] {
	return Object.entries(fields).flatMap(([name, value]) => {
		if (value === 0n) return [];
		return [value === 1n ? name.toUpperCase() : `${name.toUpperCase()}=${value < 4096n ? value : hex(value)}`];
	});
}
