/** RISC-V nested page tables, made from a guest's device context. */
import {
	iommu_hwpt_riscv_iommu as CONTEXT,
	iommu_hwpt_data_type_riscv as DATA,
	iommu_hwpt_riscv_iommu_invalidate as ENTRY,
	iommu_hwpt_invalidate_data_type_riscv as INVALIDATE,
} from "../../../../structs/index.js";
import { decodeRiscvCommand, encodeRiscvFault, illegalRiscvCommand } from "../../../formats/riscv/index.js";
import { toWords } from "../../../formats/words.js";
import type { Ret } from "../../../kernel/kernel.js";
import type { InvalidateArray, InvalidateResult } from "../../contract/invalidation.js";
import { copyUserData, type GivenData } from "../../contract/user-data.js";
import { faultAt } from "../../memory/fault.js";
import type { HwDevice } from "../common/device.js";
import { GuestContextDomain } from "../common/guest-context-domain.js";
import { riscvAttachChecks, riscvCommandChecks, riscvContextChecks, riscvInvalidateChecks, riscvNotes } from "./checks.js";
import { type ContextResult, decodeDc } from "./contexts.js";
import type { RiscvPagingDomain } from "./domains.js";
import type { RiscvDriver } from "./driver.js";
import type { RiscvFeatures } from "./features.js";
import { riscvInvalidations } from "./invalidations.js";

/** Bytes of a fault record. */
const EVENT = 32;
const COMMANDS: ReadonlySet<string | undefined> = new Set(["IOTINVAL_VMA", "IOTINVAL_GVMA", "IODIR_INVAL_PDT", "ATS_INVAL"]);

/** A guest's device context on a nesting parent. Beyond 7.3, as a kernel option. */
export class RiscvNestedDomain extends GuestContextDomain {
	constructor(
		readonly driver: RiscvDriver,
		override readonly parent: RiscvPagingDomain,
		readonly context: ContextResult,
		/** the host's tag for what is cached of the guest's tables */
		readonly id: number,
	) {
		super(parent);
	}

	protected override refuse(device: HwDevice): Ret {
		return this.driver.reasons.fail(riscvAttachChecks.riscvOtherIommu, this.iommu.name, device.name, device.iommu.name);
	}

	override invalidate(array: InvalidateArray): InvalidateResult {
		const { reasons } = this.driver;
		if (array.type !== INVALIDATE.IOMMU_HWPT_INVALIDATE_DATA_RISCV_IOMMU)
			return { rc: reasons.fail(riscvInvalidateChecks.riscvArrayType, array.type), done: 0 };
		for (let i = 0; i < array.count; i++) {
			const bytes = array.entry(i, ENTRY.size);
			const rc = typeof bytes === "number" ? bytes : this.#invalidateOne(bytes);
			if (rc < 0) return { rc, done: i };
		}
		return { rc: 0, done: array.count };
	}

	/** One command of the guest. GSCID and, where the host chose it, PSCID are the host's, whatever the command says. */
	#invalidateOne(bytes: Uint8Array): Ret {
		const { reasons, caches } = this.driver;
		const command = decodeRiscvCommand(bytes);
		const { name, fields } = command;
		const illegal = illegalRiscvCommand(command);
		if (illegal !== undefined) return reasons.fail(riscvCommandChecks.riscvCommandIllegal, illegal);
		if (name === undefined || !COMMANDS.has(name)) return reasons.fail(riscvCommandChecks.riscvCommandUnknown, name ?? "none");
		const did = fields.did ?? fields.rid;
		if (did !== undefined && !this.#serves(Number(did))) return reasons.fail(riscvCommandChecks.riscvCommandDevice, Number(did));
		const pscid = this.context.ok && this.context.context.directory === undefined ? this.context.context.stage1.pscid : undefined;
		for (const each of riscvInvalidations(command, this.id, pscid)) caches.invalidate(each);
		return 0;
	}

	/** Whether a device with this ID uses the table. */
	#serves(did: number): boolean {
		for (const device of this.users()) if (device.requester.wire === did) return true;
		return false;
	}
}

/** Copies the device context that came with an allocation, and checks it as the IOMMU will. -EINVAL, -EOPNOTSUPP. */
export function copyContext(from: GivenData, features: RiscvFeatures, rid: number): ContextResult | Ret {
	const { reasons, memory } = from.process;
	const bytes = copyUserData(from.process, from.data, DATA.IOMMU_HWPT_DATA_RISCV_IOMMU, CONTEXT.size);
	if (typeof bytes === "number") return bytes;
	const { dc_len, dc_uptr, event_len, out_event_uptr } = CONTEXT.decode(bytes);
	if (out_event_uptr === 0n || event_len !== BigInt(EVENT))
		return reasons.fail(riscvContextChecks.riscvEventLength, `${event_len}`, out_event_uptr);
	const size = features.contextSize;
	if (dc_uptr === 0n || dc_len !== BigInt(size)) return reasons.fail(riscvContextChecks.riscvContextLength, `${dc_len}`, dc_uptr);
	const dc = new Uint8Array(size);
	if (memory.read(dc_uptr, dc) < 0)
		return reasons.fail(riscvContextChecks.riscvContextUnreadable, size, dc_uptr, faultAt(memory, dc_uptr, size, false));
	const context = decodeDc(toWords(dc), features);
	if (context.ok) return context;
	const { cause, why } = context;
	const event = encodeRiscvFault({ cause: BigInt(cause), did: BigInt(rid) });
	if (memory.write(out_event_uptr, event) < 0)
		return reasons.fail(riscvContextChecks.riscvEventUnwritable, out_event_uptr, faultAt(memory, out_event_uptr, EVENT, true));
	reasons.note(riscvNotes.riscvContextInvalid, cause, why);
	return context;
}
