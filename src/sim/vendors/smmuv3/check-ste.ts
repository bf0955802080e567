/** The stream table entry that a guest gives for a nested page table. */
import { iommu_hwpt_data_type as DATA, iommu_hwpt_arm_smmuv3 } from "../../../../structs/index.js";
import { STE } from "../../../formats/smmuv3/index.js";
import { reservedOf } from "../../../formats/words.js";
import { EINVAL, EIO } from "../../../kernel/errno.js";
import type { Ret } from "../../../kernel/kernel.js";
import type { AllocData } from "../../contract/user-data.js";
import { copyStruct } from "../../contract/user-data.js";
import { decodeSte, STE_ABORT, STE_BYPASS, STE_S1, type SteStage1 } from "./stream-table.js";

/** What a guest may not say in the two words. */
const RESERVED0 = reservedOf(STE, 0);
const RESERVED1 = reservedOf(STE, 1);
const CONFIGS: readonly number[] = [STE_ABORT, STE_BYPASS, STE_S1];

/** A guest's part of a stream table entry, and the words it came in. */
export interface GuestSte extends SteStage1 {
	readonly words: readonly [bigint, bigint];
}

/**
 * The stream table entry that came with an allocation. -EINVAL: none, or of another size, -EFAULT, -EIO: a
 * guest may not have it. An entry that is not valid is one of zeroes, whatever else it says.
 */
export function copySte(from: AllocData): GuestSte | Ret {
	if (from.data === undefined) return -EINVAL;
	const { type, length, uptr } = from.data;
	const { size } = iommu_hwpt_arm_smmuv3;
	if (type !== DATA.IOMMU_HWPT_DATA_ARM_SMMUV3 || length !== size) return -EINVAL;
	const bytes = copyStruct(from.process, uptr, length, size);
	if (typeof bytes === "number") return bytes;
	const { ste } = iommu_hwpt_arm_smmuv3.decode(bytes);
	return checkSte(ste[0], ste[1]);
}

export function checkSte(word0: bigint, word1: bigint): GuestSte | Ret {
	const ste = guestSte(word0, word1);
	if (!ste.valid) return guestSte(0n, 0n);
	if ((word0 & RESERVED0) !== 0n || (word1 & RESERVED1) !== 0n) return -EIO;
	if (!CONFIGS.includes(ste.config)) return -EIO;
	// 0: the device's ATS requests are refused, 1: the guest has ATS
	return ste.ats > 1 ? -EIO : ste;
}

function guestSte(...words: [bigint, bigint]): GuestSte {
	return { ...decodeSte(words), words };
}
