import { iommu_hwpt_data_type as DATA, iommu_hwpt_arm_smmuv3 } from "../../../../structs/index.js";
import { bits, mask } from "../../../formats/bits.js";
import { EINVAL, EIO } from "../../../kernel/errno.js";
import type { Ret } from "../../../kernel/kernel.js";
import type { AllocData } from "../../contract/user-data.js";
import { copyStruct } from "../../contract/user-data.js";
import { decodeSte, STE_ABORT, STE_BYPASS, STE_S1, type SteStage1 } from "./stream-table.js";

/** What a guest may say in the two words: V, Config, S1Fmt, S1ContextPtr, S1CDMax */
const WORD0 = mask(0, 0) | mask(3, 1) | mask(5, 4) | mask(51, 6) | mask(63, 59);
/** S1DSS, S1CIR, S1COR, S1CSH, S1STALLD, EATS */
const WORD1 = mask(1, 0) | mask(3, 2) | mask(5, 4) | mask(7, 6) | mask(27, 27) | mask(29, 28);
const CONFIGS = [STE_ABORT, STE_BYPASS, STE_S1];

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
	if ((word0 & 1n) === 0n) return guestSte(0n, 0n);
	if ((word0 & ~WORD0) !== 0n || (word1 & ~WORD1) !== 0n) return -EIO;
	if (!CONFIGS.includes(Number(bits(word0, 3, 1)))) return -EIO;
	// 0: the device's ATS requests are refused, 1: the guest has ATS
	if (bits(word1, 29, 28) > 1n) return -EIO;
	return guestSte(word0, word1);
}

function guestSte(...words: [bigint, bigint]): GuestSte {
	return { ...decodeSte(words), words };
}
