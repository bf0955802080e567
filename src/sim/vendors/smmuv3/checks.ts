/** The checks of the SMMUv3 driver, and what it notes of events and commands. */
import { EINVAL, EIO, ENOENT, ENOMEM, ENOSPC, EOPNOTSUPP } from "../../../kernel/errno.js";
import { entriesChecks, userDataChecks } from "../../contract/checks.js";
import { check, checks } from "../../why/check.js";
import { atcChecks } from "../common/checks.js";
import type { DriverChecks } from "../vendor.js";
import { tegraNotes, tegraQueueChecks, tegraQueueTypeChecks, tegraVdeviceChecks, tegraViommuChecks } from "./tegra241-checks.js";

const DRIVER = "observed on Linux 7.3.4";
const SPEC = "Arm IHI 0070";

const smmuNoNesting = check(EOPNOTSUPP, "{smmu} has only {stage}", "nesting needs an SMMU with both stages", {
	source: `${SPEC}, 6.3.1 SMMU_IDR0`,
});

/** Taking the VMID of a stage 2 table. */
export const smmuVmidChecks = checks(`${SPEC}, 6.3.1 SMMU_IDR0`, {
	smmuVmids: check(
		ENOSPC,
		"all {count} VMIDs of {smmu} are in use",
		"every stage 2 table has a VMID, of 16 bits if IDR0.VMID16 is 1, else of 8",
	),
});

export const smmuPagingChecks = checks(DRIVER, {
	smmuPagingData: check(EOPNOTSUPP, "data of type {type} came with the allocation", "tables that the kernel manages take no data"),
	smmuParentFlags: check(EOPNOTSUPP, "flags is {flags:x}: NEST_PARENT together with others", "a nesting parent may have no other flag"),
	smmuNoNesting,
	smmuNoStage1: check(EOPNOTSUPP, "flags is {flags:x}, and {smmu} has no stage 1", "PASIDs and dirty tracking need stage 1"),
	vmid: smmuVmidChecks,
});

export const smmuInfoChecks = checks("uAPI: iommu_hw_info", {
	smmuInfoType: check(
		EOPNOTSUPP,
		"in_data_type is {type:x}",
		"in_data_type must be DEFAULT (0) or ARM_SMMUV3 (2), or TEGRA241_CMDQV (3) where the SMMU has that extension",
	),
});

export const smmuViommuChecks = checks("uAPI: iommu_viommu_alloc", {
	smmuViommuType: check(
		EOPNOTSUPP,
		"type is {type:x}",
		"type must be ARM_SMMUV3 (1), or TEGRA241_CMDQV (2) where the SMMU has that extension",
	),
	smmuNoNesting,
	smmuIncoherent: check(
		EOPNOTSUPP,
		"a guest could make accesses through {smmu} incoherent: the firmware does not promise otherwise (CANWBS), and IDR3.FWB is 0",
		"accesses must stay coherent, by CANWBS of the IORT or by FWB",
		{ source: DRIVER },
	),
});

export const smmuInitViommuChecks = checks(DRIVER, {
	smmuOtherParent: check(
		EINVAL,
		"the nesting parent is a table of {table}, and the device is behind {smmu}",
		"the nesting parent must be a table of the device's SMMU",
	),
});

/** A guest's stream table entry. */
export const smmuSteChecks = checks("uAPI: iommu_hwpt_arm_smmuv3", {
	smmuSteReserved: check(
		EIO,
		"word {word} of the STE is {value}, and a guest may not set {bits} of it",
		"a guest may set V, Config, S1Fmt, S1ContextPtr, S1CDMax, S1DSS, S1CIR, S1COR, S1CSH, S1STALLD and EATS",
	),
	smmuSteConfig: check(EIO, "Config of the STE is {config}", "Config must be abort (0), bypass (4) or stage 1 (5)", {
		source: `${SPEC}, 5.2 Stream Table Entry`,
	}),
	smmuSteEats: check(EIO, "EATS of the STE is {eats}", "EATS must be 0 (no ATS) or 1 (full ATS)", {
		source: `${SPEC}, 5.2 Stream Table Entry`,
	}),
});

export const smmuNestedChecks = checks(DRIVER, {
	smmuNestedFlags: check(
		EOPNOTSUPP,
		"flags is {flags:x}",
		"a guest's stream table entry takes no flags but FAULT_ID_VALID: the guest has all PASIDs of the device",
	),
	data: userDataChecks,
	ste: smmuSteChecks,
});

export const smmuVdeviceChecks = checks(DRIVER, {
	smmuAliases: check(EOPNOTSUPP, "{device} has the stream IDs {sids}", "a vDEVICE stands for one stream ID"),
});

const smmuOtherSmmu = check(
	EINVAL,
	"the page table is one of {table}, and {device} is behind {smmu}",
	"a page table serves the devices of its own SMMU",
);

export const smmuPagingAttachChecks = checks(DRIVER, {
	smmuOtherSmmu,
});

export const smmuNestedAttachChecks = checks(DRIVER, {
	smmuOtherSmmu,
	smmuNoVdevice: check(
		ENOENT,
		"{device} has no vDEVICE in the vIOMMU of the page table, whose Config is stage 1",
		"a device whose events the guest gets needs a vDEVICE (VDEVICE_ALLOC), whose virt_id they carry",
	),
});

/** A command that a guest sends to the hardware. */
export const smmuCommandChecks = checks(`${SPEC}, 4 Commands`, {
	smmuNoAts: check(
		EIO,
		"command {index} is ATC_INV, and the SMMU or its root complex has no ATS",
		"ATC_INV needs ATS in the SMMU and its root complex",
		{
			source: `${SPEC}, 4.5 ATS and PRI`,
		},
	),
	smmuOpcode: check(
		EIO,
		"command {index} has the opcode {opcode:x} ({name})",
		"a guest may send CFGI_CD, CFGI_CD_ALL, TLBI_NH_ALL, TLBI_NH_ASID, TLBI_NH_VA, TLBI_NH_VAA, TLBI_NSNH_ALL and ATC_INV",
		{ source: "uAPI: iommu_viommu_arm_smmuv3_invalidate" },
	),
	smmuCommandBits: check(
		EIO,
		"command {index}, {command}: {bits}",
		"what the command does not have, and what needs a feature that the SMMU lacks, must be 0",
	),
	smmuAtcSize: check(EIO, "command {index}, ATC_INV: Size is {size}", "Size must be at most 52, which is everything", {
		source: `${SPEC}, 4.5.1 CMD_ATC_INV`,
	}),
	smmuNoGranule: check(
		EIO,
		"command {index}, {command}: TG is 0, and NUM is {num}, SCALE {scale} and TTL {ttl}",
		"without a granule (TG) there is no range: NUM, SCALE and TTL must be 0",
		{ source: `${SPEC}, 4.4.1 TLB invalidation by range` },
	),
	smmuNoRange: check(
		EIO,
		"command {index}, {command}: TG is {tg}, and NUM, SCALE and TTL are 0",
		"a command with a granule (TG) must have NUM, SCALE or TTL",
		{ source: `${SPEC}, 4.4.1 TLB invalidation by range` },
	),
	smmuLevel: check(
		EIO,
		"command {index}, {command}: TG is 2 (16K) and TTL 1",
		"tables of 16K have no blocks at level 1, unless IDR5.DS is 1",
		{ source: `${SPEC}, 4.4.1 TLB invalidation by range` },
	),
});

/** A command whose stream ID is the guest's. */
export const smmuSidChecks = checks("uAPI: iommu_viommu_arm_smmuv3_invalidate", {
	command: smmuCommandChecks,
	smmuCommandSid: check(
		EIO,
		"command {index}, {command}: SID is {sid}, and no vDEVICE of the vIOMMU has it",
		"SID must be the virt_id of a vDEVICE of the vIOMMU",
	),
});

export const smmuInvalidateChecks = checks("uAPI: iommu_viommu_arm_smmuv3_invalidate", {
	smmuTooMany: check(ENOMEM, "entry_num is {count}", "at most 262144 commands fit into the kernel's largest allocation, 4 MiB", {
		source: DRIVER,
	}),
	smmuArrayType: check(EINVAL, "data_type is {type:x}", "data_type must be ARM_SMMUV3 (1)"),
	smmuNoCommands: check(EINVAL, "entry_num is 0", "there must be at least one command"),
	entries: entriesChecks,
	command: smmuSidChecks,
	smmuBatchLost: check(
		0,
		"commands {first} to {last} count as done, and did not reach {smmu}: the driver sends {batch} at a time, and command {bad} ended the batch",
		"a batch reaches the hardware only as a whole",
		{ source: DRIVER },
	),
});

/** Events that no guest got. */
export const smmuEventChecks = checks(DRIVER, {
	smmuNoVeventq: check(
		0,
		"event {event} of {device} was lost: the vIOMMU has no vEVENTQ of type ARM_SMMUV3",
		"a guest gets events through a vEVENTQ (VEVENTQ_ALLOC)",
	),
	smmuEventLogged: check(
		0,
		"event {event} of {device} went to the kernel log: {why}",
		"a guest gets the events of its own stage that the driver forwards, of devices attached with a vDEVICE",
	),
});

/** What the driver checks where the core asks it. */
export const smmuChecks: DriverChecks = {
	allocPaging: smmuPagingChecks,
	attach: { paging: smmuPagingAttachChecks, nested: smmuNestedAttachChecks },
	hwInfo: smmuInfoChecks,
	viommuSupported: smmuViommuChecks,
	initViommu: { parent: smmuInitViommuChecks, tegra241: tegraViommuChecks },
	viommuAllocNested: smmuNestedChecks,
	addVdevice: { tegra241: tegraVdeviceChecks, any: smmuVdeviceChecks },
	viommuInvalidate: smmuInvalidateChecks,
	hwQueueSupported: tegraQueueTypeChecks,
	initHwQueue: tegraQueueChecks,
	notes: { event: smmuEventChecks, atc: atcChecks, queue: tegraNotes },
};
