/** Turns commands of a guest's RISC-V command queue into entries of invalidation arrays. */
import { iommu_hwpt_invalidate_data_type_riscv as DATA, iommu_hwpt_riscv_iommu_invalidate as ENTRY } from "../../../../structs/index.js";
import {
	decodeRiscvCommand,
	encodeRiscvCommand,
	illegalRiscvCommand,
	RISCV_COMMANDS,
	type RiscvCommand,
	type RiscvCommandName,
} from "../../../formats/riscv/index.js";
import type { Fate, GuestQueue, QueueResponse, Targets } from "../guest-queue.js";
import { riscvInvalidations } from "./invalidations.js";

export const riscvQueue: GuestQueue = {
	about: "RISC-V commands",
	sizes: [16],
	names: Object.keys(RISCV_COMMANDS),
	encode: (name, fields) => encodeRiscvCommand(name as RiscvCommandName, fields),
	forward(bytes, targets) {
		const command = decodeRiscvCommand(bytes);
		const { name, opcode, fields } = command;
		const shown = name ?? `opcode ${opcode & 0x7f}, func3 ${opcode >> 7}`;
		return {
			name: shown,
			fields,
			fate: fateOf(command, bytes, targets),
			waits: name === "IOFENCE_C",
			stops: illegalRiscvCommand(command) === undefined ? undefined : "cmd_ill",
			response: responseOf(command),
		};
	},
	// a time-out is reported at the next IOFENCE.C, where the queue stops (3.1.2); there is no other end of an ATS.INVAL
	completionErrors: { ITE: { name: "cmd_to", stops: true }, ICE: { name: "cmd_to", stops: true } },
	// a guest's table is a single VM's, whatever GSCID the guest gives it
	invalidations: (bytes) => riscvInvalidations(decodeRiscvCommand(bytes)),
	target: "hwpt",
	array: { type: DATA.IOMMU_HWPT_INVALIDATE_DATA_RISCV_IOMMU, entryLength: ENTRY.size },
};

const CODES: Readonly<Record<number, QueueResponse["code"]>> = { 0: "success", 1: "invalid", 15: "failure" };

function responseOf({ name, fields }: RiscvCommand): QueueResponse | undefined {
	if (name !== "ATS_PRGR") return undefined;
	const n = (field: string) => Number(fields[field] ?? 0n);
	return { rid: n("rid"), pasid: n("pv") ? n("pid") : undefined, group: n("prgi"), code: CODES[n("response")] ?? "failure" };
}

/** A command as an entry of an invalidation array, if it is one. */
function fateOf(command: RiscvCommand, bytes: Uint8Array, { otherwise }: Targets): Fate {
	const illegal = illegalRiscvCommand(command);
	if (illegal !== undefined) return { kind: "lost", why: `the hardware would stop its queue here (cmd_ill): ${illegal}` };
	switch (command.name) {
		case "IOFENCE_C":
			return { kind: "vmm", why: "the VMM writes the data, or raises the interrupt, once everything before it is done" };
		case "IODIR_INVAL_DDT":
			return { kind: "vmm", why: "a changed device context needs a new nested page table: allocate and attach it" };
		case "ATS_PRGR":
			return { kind: "vmm", why: `it answers page request group ${command.fields.prgi}: use fault respond with the group's cookie` };
		default:
			if (otherwise === undefined) return { kind: "lost", why: "no page table is known for it; --hwpt names one" };
			return { kind: "entry", target: otherwise, bytes };
	}
}
