/** Checks the stream table entry that a guest gives for a nested page table. */
import { iommu_hwpt_data_type as DATA, iommu_hwpt_arm_smmuv3 } from "../../../../structs/index.js";
import { STE } from "../../../formats/smmuv3/index.js";
import { reservedOf } from "../../../formats/words.js";
import type { Ret } from "../../../kernel/kernel.js";
import type { GivenData } from "../../contract/user-data.js";
import { copyUserData } from "../../contract/user-data.js";
import type { Reasons } from "../../why/reasons.js";
import { smmuSteChecks } from "./checks.js";
import { decodeSte, STE_ABORT, STE_BYPASS, STE_S1, type SteStage1 } from "./stream-table.js";

/** The bits that a guest may not set in the two words. */
const RESERVED0 = reservedOf(STE, 0);
const RESERVED1 = reservedOf(STE, 1);
const CONFIGS: readonly number[] = [STE_ABORT, STE_BYPASS, STE_S1];

/** A guest's part of a stream table entry, decoded and as raw words. */
export interface GuestSte extends SteStage1 {
	readonly words: readonly [bigint, bigint];
}

/**
 * Copies the stream table entry that came with an allocation. -EINVAL: its type or size is wrong; -EFAULT; -EIO: a
 * guest may not use it. An entry that is not valid counts as all zeroes, whatever else it says.
 */
export function copySte(from: GivenData): GuestSte | Ret {
	const bytes = copyUserData(from.process, from.data, DATA.IOMMU_HWPT_DATA_ARM_SMMUV3, iommu_hwpt_arm_smmuv3.size);
	if (typeof bytes === "number") return bytes;
	const { ste } = iommu_hwpt_arm_smmuv3.decode(bytes);
	return checkSte(ste[0], ste[1], from.process.reasons);
}

/** The same for an entry given by its two words. */
export function checkSte(word0: bigint, word1: bigint, reasons: Reasons): GuestSte | Ret {
	const ste = guestSte(word0, word1);
	if (!ste.valid) return guestSte(0n, 0n);
	if ((word0 & RESERVED0) !== 0n) return reasons.fail(smmuSteChecks.smmuSteReserved, 0, word0, word0 & RESERVED0);
	if ((word1 & RESERVED1) !== 0n) return reasons.fail(smmuSteChecks.smmuSteReserved, 1, word1, word1 & RESERVED1);
	if (!CONFIGS.includes(ste.config)) return reasons.fail(smmuSteChecks.smmuSteConfig, ste.config);
	// 0: the device's ATS requests are refused, 1: the guest uses ATS
	return ste.ats > 1 ? reasons.fail(smmuSteChecks.smmuSteEats, ste.ats) : ste;
}

function guestSte(...words: [bigint, bigint]): GuestSte {
	return { ...decodeSte(words), words };
}
