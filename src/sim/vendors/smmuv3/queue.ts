/** Turns commands of a guest's SMMUv3 command queue into entries of a virtual IOMMU's invalidation arrays. */
import { iommu_hwpt_invalidate_data_type as DATA, iommu_viommu_arm_smmuv3_invalidate as ENTRY } from "../../../../structs/index.js";
import {
	decodeSmmuCommand,
	encodeSmmuCommand,
	SMMU_COMMANDS,
	SMMU_GUEST_COMMANDS,
	type SmmuCommand,
	type SmmuCommandName,
} from "../../../formats/smmuv3/index.js";
import type { Fate, GuestQueue, QueueResponse, Targets } from "../guest-queue.js";
import { smmuInvalidations } from "./invalidations.js";

const TAKEN: ReadonlySet<string> = new Set(SMMU_GUEST_COMMANDS);

export const smmuQueue: GuestQueue = {
	about: "SMMUv3 commands",
	sizes: [16],
	names: Object.keys(SMMU_COMMANDS),
	encode: (name, fields) => encodeSmmuCommand(name as SmmuCommandName, fields),
	forward(bytes, targets) {
		const command = decodeSmmuCommand(bytes);
		return {
			name: command.name ?? `opcode 0x${command.opcode.toString(16)}`,
			fields: command.fields,
			fate: fateOf(command, bytes, targets),
			waits: command.name === "SYNC",
			stops: command.name === undefined ? "CERROR_ILL" : undefined,
			response: responseOf(command),
		};
	},
	// the queue stops at the SYNC that waits for the ATC_INV (IHI0070, CMD_SYNC)
	completionErrors: { ITE: { name: "CERROR_ATC_INV_SYNC", stops: true }, ICE: { name: "CERROR_ATC_INV_SYNC", stops: true } },
	invalidations: (bytes) => smmuInvalidations(decodeSmmuCommand(bytes), 0),
	target: "viommu",
	array: { type: DATA.IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3, entryLength: ENTRY.size },
};

/** RESP of PRI_RESP: deny, fail, success; and of RESUME: terminate, retry, abort. */
const PRI_CODES = ["failure", "invalid", "success"] as const;
const RETRY = 1;

function responseOf({ name, fields }: SmmuCommand): QueueResponse | undefined {
	const n = (field: string) => Number(fields[field] ?? 0n);
	if (name === "PRI_RESP")
		return { rid: n("sid"), pasid: n("ssv") ? n("ssid") : undefined, group: n("prg_index"), code: PRI_CODES[n("resp")] ?? "failure" };
	// a stalled transaction is named by its tag alone
	if (name === "RESUME") return { rid: n("sid"), pasid: null, group: n("stag"), code: n("resp") === RETRY ? "success" : "invalid" };
	return undefined;
}

/** An SMMUv3 command as an entry of a virtual IOMMU's invalidation array, if it is one. */
function fateOf(command: SmmuCommand, bytes: Uint8Array, targets: Targets): Fate {
	const { name, stray } = command;
	switch (name) {
		case undefined:
			return { kind: "lost", why: "non-secure software may not use this opcode: the guest's queue stops here (CERROR_ILL)" };
		case "SYNC":
			return { kind: "vmm", why: "the VMM completes it once everything before it is done" };
		case "PRI_RESP":
		case "RESUME":
		case "STALL_TERM":
			return { kind: "vmm", why: "it answers a page request: use fault respond with the group's cookie" };
		case "CFGI_STE":
		case "CFGI_STE_RANGE":
			return { kind: "vmm", why: "a changed stream table entry needs a new nested page table: allocate and attach it" };
		case "PREFETCH_CONFIG":
		case "PREFETCH_ADDR":
			return { kind: "covered", why: "a hint, which may be ignored" };
		default:
	}
	if (!TAKEN.has(name)) return { kind: "lost", why: "it is not a command for the guest's own stage: the kernel answers EIO" };
	if (stray.some((word) => word !== 0n))
		return { kind: "lost", why: `it sets bits that the kernel refuses (EIO): ${stray.map((word) => `0x${word.toString(16)}`).join(" ")}` };
	if (targets.otherwise === undefined) return { kind: "lost", why: "no virtual IOMMU is known; --viommu names one" };
	return { kind: "entry", target: targets.otherwise, bytes };
}
