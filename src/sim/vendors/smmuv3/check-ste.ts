/** Checks the stream table entry that a guest gives for a nested page table. */
import { iommu_hwpt_data_type as DATA, iommu_hwpt_arm_smmuv3 } from "../../../../structs/index.js";
import { STE } from "../../../formats/smmuv3/index.js";
import { reservedOf } from "../../../formats/words.js";
import { EINVAL, EIO } from "../../../kernel/errno.js";
import type { Ret } from "../../../kernel/kernel.js";
import type { AllocData } from "../../contract/user-data.js";
import { copyUserData } from "../../contract/user-data.js";
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
 * Copies the stream table entry that came with an allocation. -EINVAL: there is none, or its size is wrong; -EFAULT; -EIO: a
 * guest may not use it. An entry that is not valid counts as all zeroes, whatever else it says.
 */
export function copySte(from: AllocData): GuestSte | Ret {
	if (from.data === undefined) return -EINVAL;
	const bytes = copyUserData(from.process, from.data, DATA.IOMMU_HWPT_DATA_ARM_SMMUV3, iommu_hwpt_arm_smmuv3.size);
	if (typeof bytes === "number") return bytes;
	const { ste } = iommu_hwpt_arm_smmuv3.decode(bytes);
	return checkSte(ste[0], ste[1]);
}

export function checkSte(word0: bigint, word1: bigint): GuestSte | Ret {
	const ste = guestSte(word0, word1);
	if (!ste.valid) return guestSte(0n, 0n);
	if ((word0 & RESERVED0) !== 0n || (word1 & RESERVED1) !== 0n) return -EIO;
	if (!CONFIGS.includes(ste.config)) return -EIO;
	// 0: the device's ATS requests are refused, 1: the guest uses ATS
	return ste.ats > 1 ? -EIO : ste;
}

function guestSte(...words: [bigint, bigint]): GuestSte {
	return { ...decodeSte(words), words };
}
