/** Forwards a guest's AMD command buffer. */
import { AMD_COMMANDS, type AmdCommand, type AmdCommandName, decodeAmdCommand, encodeAmdCommand } from "../../../formats/amd/commands.js";
import type { Fate, GuestQueue, Judged, QueueResponse } from "../guest-queue.js";
import { amdInvalidations } from "./invalidations.js";

export const amdQueue: GuestQueue = {
	about: "AMD commands",
	sizes: [16],
	names: Object.keys(AMD_COMMANDS),
	encode: (name, fields) => encodeAmdCommand(name as AmdCommandName, fields),
	forward(bytes) {
		const command = decodeAmdCommand(bytes);
		return {
			name: command.name ?? `opcode ${command.opcode}`,
			fields: command.fields,
			fate: fateOf(command.name),
			waits: command.name === "COMPLETION_WAIT",
			stops: command.name === undefined ? "ILLEGAL_COMMAND_ERROR" : undefined,
			status: statusOf(command),
			response: responseOf(command),
		};
	},
	// the command processor halts until software restarts it (AMD 48882, IOTLB_INV_TIMEOUT)
	completionErrors: { ITE: { name: "IOTLB_INV_TIMEOUT", stops: true }, ICE: { name: "INVALID_DEVICE_REQUEST", stops: false } },
	// a guest's table is a single domain, whatever ID the guest gives it
	invalidations: (bytes) => amdInvalidations(decodeAmdCommand(bytes)).map(({ domain: _, ...rest }) => rest),
	target: "hwpt",
};

/** S: the store data goes to the store address. */
function statusOf({ name, fields }: AmdCommand): Judged["status"] {
	if (name !== "COMPLETION_WAIT" || fields.s !== 1n || !fields.store_address) return undefined;
	return { address: fields.store_address, data: new Uint8Array(BigUint64Array.of(fields.store_data ?? 0n).buffer) };
}

const CODES: Readonly<Record<number, QueueResponse["code"]>> = { 0: "success", 1: "invalid", 15: "failure" };

function responseOf({ name, fields }: AmdCommand): QueueResponse | undefined {
	if (name !== "COMPLETE_PPR_REQUEST") return undefined;
	const n = (field: string) => Number(fields[field] ?? 0n);
	return { rid: n("device_id"), pasid: n("gn") ? n("pasid") : undefined, group: n("tag"), code: CODES[n("code")] ?? "failure" };
}

function fateOf(name: string | undefined): Fate {
	switch (name) {
		case "COMPLETION_WAIT":
			return { kind: "vmm", why: "the VMM stores the data, or raises the interrupt, once everything before it is done" };
		case "COMPLETE_PPR_REQUEST":
			return { kind: "vmm", why: "it answers a page request: use fault respond" };
		case "INVALIDATE_DEVTAB_ENTRY":
			return { kind: "vmm", why: "a changed device table entry needs a new nested page table: allocate and attach it" };
		case "PREFETCH_IOMMU_PAGES":
			return { kind: "covered", why: "a hint, which may be ignored" };
		case "INVALIDATE_INTERRUPT_TABLE":
			return { kind: "lost", why: "iommufd does not handle interrupt remapping" };
		case undefined:
			return { kind: "lost", why: "the opcode is reserved" };
		default:
			return {
				kind: "lost",
				why: "Linux 7.3 has no invalidation data type for AMD (vsva forward --table hands it to a table that vsva bind bound)",
			};
	}
}
