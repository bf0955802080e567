/** SMMUv3's stream table entries (IHI0070, 5.2): the two of eight words that a guest may give, as struct iommu_hwpt_arm_smmuv3 has them. */
import { at, type Field } from "../words.js";

/** Values of Config that do not involve Secure state. */
export const STE_CONFIGS = { ABORT: 0, BYPASS: 4, S1: 5, S2: 6, NESTED: 7 } as const;

const config: Field = { ...at(0, 3, 1), names: STE_CONFIGS };

export const STE = {
	v: at(0, 0, 0),
	config,
	s1fmt: at(0, 5, 4),
	s1contextptr: at(0, 51, 6, 6),
	s1cdmax: at(0, 63, 59),
	s1dss: at(1, 1, 0),
	s1cir: at(1, 3, 2),
	s1cor: at(1, 5, 4),
	s1csh: at(1, 7, 6),
	s1stalld: at(1, 27, 27),
	eats: at(1, 29, 28),
};
