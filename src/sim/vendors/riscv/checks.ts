/** The checks of the RISC-V driver, and what it notes of faults. */
import { EINVAL, EOPNOTSUPP } from "../../../kernel/errno.js";
import { entryChecks, userDataChecks } from "../../contract/checks.js";
import { check, checks } from "../../why/check.js";
import { atcChecks, loggedChecks } from "../common/checks.js";
import type { DriverChecks } from "../vendor.js";

const DRIVER = "the RISC-V driver of Linux 7.3";
const POSTED = "iommu/riscv: support nested iommu (RFC v2, June 2024)";
const SPEC = "RISC-V IOMMU Architecture Specification 1.0";

export const riscvPagingChecks = checks(DRIVER, {
	riscvPagingData: check(EOPNOTSUPP, "data of type {type} came with the allocation", "tables that the kernel manages take no data"),
	riscvPagingFlags: check(
		EOPNOTSUPP,
		"flags is {flags:x}, and the driver takes {known}",
		"tables of this IOMMU can be neither nesting parents nor for PASIDs in 7.3; NEST_PARENT needs --uapi riscv-nested",
	),
	riscvNoSecondStage: check(
		EOPNOTSUPP,
		"flags has NEST_PARENT, and {iommu} has no second stage",
		"a nesting parent needs Sv39x4, Sv48x4 or Sv57x4 in the capabilities",
		{ source: `${SPEC}, 5.3 IOMMU capabilities` },
	),
	riscvNoFirstStage: check(
		EOPNOTSUPP,
		"{iommu} has no first stage",
		"a table of the kernel's own needs Sv39, Sv48 or Sv57 in the capabilities",
		{ source: `${SPEC}, 5.3 IOMMU capabilities` },
	),
});

export const riscvInfoChecks = checks(POSTED, {
	riscvInfoType: check(EOPNOTSUPP, "in_data_type is {type:x}", "in_data_type must be DEFAULT (0) or RISCV_IOMMU (5)"),
});

/** A guest's device context. As posted, whatever is wrong with it is EINVAL, unreadable memory too. */
export const riscvContextChecks = checks(POSTED, {
	riscvNestedOff: check(
		EOPNOTSUPP,
		"the driver nests no page tables",
		"Linux 7.3 has no uAPI for nesting on this IOMMU; --uapi riscv-nested takes the posted one",
		{ source: DRIVER },
	),
	riscvNestedFlags: check(EOPNOTSUPP, "flags is {flags:x}", "a guest's device context takes no flags but FAULT_ID_VALID"),
	riscvNestedType: check(EOPNOTSUPP, "data_type is {type}", "data_type must be RISCV_IOMMU (4)"),
	data: userDataChecks,
	riscvEventLength: check(
		EINVAL,
		"event_len is {length}, and out_event_uptr {addr}",
		"event_len must be 32, and out_event_uptr the address of a record",
	),
	riscvContextLength: check(
		EINVAL,
		"dc_len is {length}, and dc_uptr {addr}",
		"dc_uptr must point to a device context, and dc_len be 32, or 64 where the capabilities have MSI_FLAT",
	),
	riscvContextUnreadable: check(
		EINVAL,
		"the {length} bytes at dc_uptr {addr} cannot be read: {fault}",
		"dc_uptr must point to the guest's device context",
	),
	riscvEventUnwritable: check(
		EINVAL,
		"the event of a device context that is not valid cannot be written to {addr}: {fault}",
		"out_event_uptr must point to memory for a record",
	),
});

export const riscvAttachChecks = checks(POSTED, {
	riscvOtherIommu: check(
		EINVAL,
		"the page table is one of {table}, and {device} is behind {iommu}",
		"a guest's device context serves the devices of its own IOMMU",
	),
});

/** One command of an invalidation array. */
export const riscvCommandChecks = checks(POSTED, {
	riscvCommandIllegal: check(EOPNOTSUPP, "the command is illegal: {why}", "commands must be as the specification defines them", {
		source: `${SPEC}, 3.1 Command-Queue`,
	}),
	riscvCommandUnknown: check(
		EOPNOTSUPP,
		"the command is {name}",
		"a guest may send IOTINVAL_VMA, IOTINVAL_GVMA, IODIR_INVAL_PDT and ATS_INVAL; a new device context needs a new page table",
	),
	riscvCommandDevice: check(
		EINVAL,
		"the command is for device ID {did:x}, which does not use the page table",
		"DID or RID must be that of a device that is attached to the page table, as the host numbers it",
	),
});

export const riscvInvalidateChecks = checks("uAPI: iommu_hwpt_invalidate", {
	riscvArrayType: check(EINVAL, "data_type is {type:x}", "data_type must be RISCV_IOMMU (2)"),
	entry: entryChecks,
	each: riscvCommandChecks,
});

/** What happens without an errno: contexts that the IOMMU will not take, and faults that nobody hears of. */
export const riscvNotes = checks(`${SPEC}, 2.1.4 Device-context configuration checks`, {
	riscvContextInvalid: check(
		0,
		"the guest's device context is not usable, so that every access faults with cause {cause}: {why}",
		"the IOMMU must accept the device context; the event at out_event_uptr has the cause",
	),
	riscvFaultQuiet: check(
		0,
		"the fault of {device} at iova {iova} was not recorded: the guest's device context says so (DTF)",
		"faults of translations are recorded unless DTF is 1",
	),
});

/** What the driver checks where the core asks it. */
export const riscvChecks: DriverChecks = {
	allocPaging: riscvPagingChecks,
	allocNested: riscvContextChecks,
	attach: riscvAttachChecks,
	hwInfo: riscvInfoChecks,
	invalidate: riscvInvalidateChecks,
	notes: { notes: riscvNotes, fault: loggedChecks, atc: atcChecks },
};
