/** The hardware-specific data that calls point to, by kind of hardware. */
/** Hardware's own data behind pointers: the structs that each kind of IOMMU has for it, by name and type number. */
import {
	defines,
	iommu_hw_info_amd,
	iommu_hw_info_arm_smmuv3,
	iommu_hw_info_riscv_iommu,
	iommu_hw_info_tegra241_cmdqv,
	iommu_hw_info_type,
	iommu_hw_info_type_riscv,
	iommu_hw_info_vtd,
	iommu_hwpt_amd_guest,
	iommu_hwpt_arm_smmuv3,
	iommu_hwpt_data_type,
	iommu_hwpt_data_type_riscv,
	iommu_hwpt_invalidate_data_type,
	iommu_hwpt_invalidate_data_type_riscv,
	iommu_hwpt_invalidate_selftest,
	iommu_hwpt_riscv_iommu,
	iommu_hwpt_riscv_iommu_invalidate,
	iommu_hwpt_selftest,
	iommu_hwpt_vtd_s1,
	iommu_hwpt_vtd_s1_invalidate,
	iommu_test_hw_info,
	iommu_vevent_arm_smmuv3,
	iommu_vevent_tegra241_cmdqv,
	iommu_veventq_type,
	iommu_viommu_arm_smmuv3_invalidate,
	iommu_viommu_event_selftest,
	iommu_viommu_invalidate_selftest,
	iommu_viommu_selftest,
	iommu_viommu_tegra241_cmdqv,
	iommu_viommu_type,
	type StructType,
} from "../../structs/index.js";
import { STE } from "../formats/smmuv3/index.js";
import type { Layout } from "../formats/words.js";
import { smmuv3Command } from "./smmuv3.js";

/** Data specific to one kind of hardware: its name on the command line, its type number, its struct. */
export interface Payload {
	readonly name: string;
	readonly type: number;
	// biome-ignore lint/suspicious/noExplicitAny: any struct, whatever its value
	readonly struct: StructType<any, any, any>;
	/** names for the bits of the struct's words */
	readonly bits?: Layout;
	readonly example: string;
}

const payload = (name: string, type: number, struct: Payload["struct"], example: string, bits?: Layout): Payload => ({
	name,
	type,
	struct,
	example,
	bits,
});

/** Behind IOMMU_HWPT_ALLOC's data_uptr. */
export const hwptPayloads: readonly Payload[] = [
	payload("vtd-s1", iommu_hwpt_data_type.IOMMU_HWPT_DATA_VTD_S1, iommu_hwpt_vtd_s1, "pgtbl_addr=0x100000,addr_width=48"),
	payload("smmuv3", iommu_hwpt_data_type.IOMMU_HWPT_DATA_ARM_SMMUV3, iommu_hwpt_arm_smmuv3, "v=1,config=S1,s1contextptr=0x100000", STE),
	payload("amd", iommu_hwpt_data_type.IOMMU_HWPT_DATA_AMD_GUEST, iommu_hwpt_amd_guest, "dte=1,0,0,0"),
	payload(
		"riscv",
		iommu_hwpt_data_type_riscv.IOMMU_HWPT_DATA_RISCV_IOMMU,
		iommu_hwpt_riscv_iommu,
		"dc_len=32,dc_uptr=0x7f0000000000,event_len=32,out_event_uptr=0x7f0000000100",
	),
	payload("selftest", defines.IOMMU_HWPT_DATA_SELFTEST, iommu_hwpt_selftest, "iotlb=0xbadbeef"),
];

/** Entries of IOMMU_HWPT_INVALIDATE's array. */
export const invalidatePayloads: readonly Payload[] = [
	payload(
		"vtd-s1",
		iommu_hwpt_invalidate_data_type.IOMMU_HWPT_INVALIDATE_DATA_VTD_S1,
		iommu_hwpt_vtd_s1_invalidate,
		"addr=0x1000,npages=4,flags=LEAF",
	),
	payload(
		"smmuv3",
		iommu_hwpt_invalidate_data_type.IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3,
		iommu_viommu_arm_smmuv3_invalidate,
		"op=TLBI_NH_VA,asid=1,addr=0x1000",
		smmuv3Command,
	),
	payload(
		"riscv",
		iommu_hwpt_invalidate_data_type_riscv.IOMMU_HWPT_INVALIDATE_DATA_RISCV_IOMMU,
		iommu_hwpt_riscv_iommu_invalidate,
		"cmd=0x1,0",
	),
	payload("selftest", defines.IOMMU_HWPT_INVALIDATE_DATA_SELFTEST, iommu_hwpt_invalidate_selftest, "iotlb_id=2"),
	payload("viommu-selftest", defines.IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST, iommu_viommu_invalidate_selftest, "vdev_id=0x99,cache_id=1"),
];

/** Behind IOMMU_VIOMMU_ALLOC's data_uptr. */
export const viommuPayloads: readonly Payload[] = [
	payload("selftest", defines.IOMMU_VIOMMU_TYPE_SELFTEST, iommu_viommu_selftest, "in_data=0x1234"),
	payload("tegra241", iommu_viommu_type.IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV, iommu_viommu_tegra241_cmdqv, ""),
];

/** What IOMMU_GET_HW_INFO writes, by out_data_type. */
export const hwInfoPayloads: readonly Payload[] = [
	payload("vtd", iommu_hw_info_type.IOMMU_HW_INFO_TYPE_INTEL_VTD, iommu_hw_info_vtd, ""),
	payload("smmuv3", iommu_hw_info_type.IOMMU_HW_INFO_TYPE_ARM_SMMUV3, iommu_hw_info_arm_smmuv3, ""),
	payload("tegra241", iommu_hw_info_type.IOMMU_HW_INFO_TYPE_TEGRA241_CMDQV, iommu_hw_info_tegra241_cmdqv, ""),
	payload("amd", iommu_hw_info_type.IOMMU_HW_INFO_TYPE_AMD, iommu_hw_info_amd, ""),
	payload("riscv", iommu_hw_info_type_riscv.IOMMU_HW_INFO_TYPE_RISCV_IOMMU, iommu_hw_info_riscv_iommu, ""),
	payload("selftest", defines.IOMMU_HW_INFO_TYPE_SELFTEST, iommu_test_hw_info, ""),
];

/** What an event queue's file carries behind each header, by the queue's type. */
export const veventPayloads: readonly Payload[] = [
	payload("smmuv3", iommu_veventq_type.IOMMU_VEVENTQ_TYPE_ARM_SMMUV3, iommu_vevent_arm_smmuv3, ""),
	payload("tegra241", iommu_veventq_type.IOMMU_VEVENTQ_TYPE_TEGRA241_CMDQV, iommu_vevent_tegra241_cmdqv, ""),
	payload("selftest", defines.IOMMU_VEVENTQ_TYPE_SELFTEST, iommu_viommu_event_selftest, ""),
];

export function payloadOfType(payloads: readonly Payload[], type: number): Payload | undefined {
	return payloads.find((one) => one.type === type);
}
