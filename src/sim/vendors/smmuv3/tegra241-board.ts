/** The Tegra241 CMDQV extension of an SMMUv3 in machine files. */
import type { Fields } from "../../board/fields.js";

/** What the extension has: virtual interfaces (VINTF) with command queues. Interface 0 is the kernel's own. */
export interface Tegra241Cmdqv {
	readonly version: number;
	/** log2 of the number of virtual interfaces */
	readonly log2Vintfs: number;
	/** log2 of the number of command queues of each */
	readonly log2Vcmdqs: number;
	/** log2 of the number of stream IDs that each can replace */
	readonly log2Vsids: number;
}

/** As on Grace. */
const GRACE = { version: 1, log2Vintfs: 6, log2Vcmdqs: 1, log2Vsids: 4 } as const;

export const FIELD = "tegra241_cmdqv";

/** Reads the field `tegra241_cmdqv`; undefined: the SMMU has no such extension. */
export function parseTegra241(f: Fields): Tegra241Cmdqv | undefined {
	if (f.get(FIELD) === undefined) return undefined;
	return f.map(FIELD, (own) => ({
		version: own.int("version", 0xff) ?? GRACE.version,
		log2Vintfs: own.int("log2_vintfs", 6) ?? GRACE.log2Vintfs,
		log2Vcmdqs: own.int("log2_vcmdqs", 7) ?? GRACE.log2Vcmdqs,
		log2Vsids: own.int("log2_vsids", 15) ?? GRACE.log2Vsids,
	}));
}

/** The field, in the form of a machine file. */
export function tegra241File(cmdqv: Tegra241Cmdqv | undefined): Record<string, unknown> {
	if (cmdqv === undefined) return {};
	const { version, log2Vintfs, log2Vcmdqs, log2Vsids } = cmdqv;
	return { [FIELD]: { version, log2_vintfs: log2Vintfs, log2_vcmdqs: log2Vcmdqs, log2_vsids: log2Vsids } };
}
