/** A command queue of a virtual interface (LVCMDQ): the hardware reads commands from guest memory and executes them. */
import {
	CERROR,
	decodeSmmuCommand,
	LVCMDQ,
	LVCMDQ_CMDQ_ERR,
	LVCMDQ_CONS,
	LVCMDQ_ENABLE,
	LVCMDQ_STRIDE,
	type SmmuCommand,
} from "../../../formats/smmuv3/index.js";
import { encodeFields, maskOf } from "../../../formats/words.js";
import type { HwQueueCore } from "../../contract/viommu.js";
import type { RegisterPages } from "../../memory/register-pages.js";
import { tegraNotes } from "./tegra241-checks.js";
import type { Tegra241Viommu } from "./tegra241-viommu.js";

/** Bytes of a command. */
const ENTRY = 16;
const INDEX = Number(maskOf(LVCMDQ_CONS, ["rd"]));
const ERROR_NAMES = Object.entries(CERROR).map(([name]) => `CERROR_${name}`);

/** What a command did: an error of the queue, and why. */
interface Failure {
	readonly error: number;
	readonly why: string;
}

/** One queue. Its registers are as the guest and the hardware left them; GERROR and STATUS are the hardware's alone. */
export class VirtualCommandQueue {
	readonly #entries: number;
	readonly #base: number;
	#gerror = 0;
	/** a device's invalidation failed since the last SYNC */
	#unsynced = false;

	constructor(
		readonly viommu: Tegra241Viommu,
		readonly core: HwQueueCore,
		readonly index: number,
		readonly registers: RegisterPages,
	) {
		this.#entries = Number(core.length) / ENTRY;
		this.#base = index * LVCMDQ_STRIDE;
		for (const offset of Object.values(LVCMDQ)) registers.set32(this.#base + offset, 0);
	}

	#get(register: keyof typeof LVCMDQ): number {
		return this.registers.get32(this.#base + LVCMDQ[register]);
	}

	#set(register: keyof typeof LVCMDQ, value: number): void {
		this.registers.set32(this.#base + LVCMDQ[register], value);
	}

	/** an error is pending: GERROR and GERRORN differ */
	get failed(): boolean {
		return ((this.#gerror ^ this.#get("GERRORN")) & LVCMDQ_CMDQ_ERR) !== 0;
	}

	/** A device's invalidation that a command asked for has failed. */
	invalidationFailed(): void {
		this.#unsynced = true;
	}

	/** The guest wrote a register: the hardware does what there is to do. Returns whether a new error is pending. */
	run(): boolean {
		const enabled = (this.#get("CONFIG") & LVCMDQ_ENABLE) !== 0;
		this.#set("STATUS", enabled ? LVCMDQ_ENABLE : 0);
		this.#set("GERROR", this.#gerror);
		if (!enabled || this.failed) return false;
		const wrap = 2 * this.#entries;
		let at = (this.#get("CONS_INDX") & INDEX) % wrap;
		const end = (this.#get("PROD_INDX") & INDEX) % wrap;
		// pointers that are further apart than the queue is long make no sense: it reads each entry once
		const pending = Math.min((end - at + wrap) % wrap, this.#entries);
		for (let done = 0; done < pending; done++) {
			const failure = this.#execute(at % this.#entries);
			if (failure !== undefined) return this.#stop(at, failure);
			at = (at + 1) % wrap;
		}
		this.#set("CONS_INDX", at);
		return false;
	}

	/** The queue stops at an entry until the guest acknowledges the error. */
	#stop(at: number, { error, why }: Failure): true {
		const [cons] = encodeFields(LVCMDQ_CONS, { rd: BigInt(at), err: BigInt(error) }, [0n]);
		this.#set("CONS_INDX", Number(cons));
		this.#gerror ^= LVCMDQ_CMDQ_ERR;
		this.#set("GERROR", this.#gerror);
		const { smmu, reasons } = this.viommu;
		reasons.note(tegraNotes.tegraCommand, this.index, smmu.name, at % this.#entries, ERROR_NAMES[error], why);
		return true;
	}

	/** Executes the command of an entry; undefined: it is done. */
	#execute(entry: number): Failure | undefined {
		const bytes = new Uint8Array(ENTRY);
		const { memory } = this.viommu.smmu.host;
		if (!memory.read(this.core.pa + BigInt(entry * ENTRY), bytes)) return { error: CERROR.ABT, why: "the entry cannot be read" };
		const command = decodeSmmuCommand(bytes);
		if (command.name === "SYNC") {
			const failed = this.#unsynced;
			this.#unsynced = false;
			return failed ? { error: CERROR.ATC_INV_SYNC, why: "an ATC_INV before this SYNC failed" } : undefined;
		}
		const why = this.viommu.execute(command, this);
		return why === undefined ? undefined : { error: CERROR.ILL, why };
	}
}

/** What the hardware of a guest's virtual interface executes. */
const TAKEN: ReadonlySet<SmmuCommand["name"]> = new Set(["TLBI_NH_ASID", "TLBI_NH_VA", "ATC_INV"]);

/** Why a guest's queue would not take a command; undefined: it does. */
export function refusedCommand({ name, opcode, stray }: SmmuCommand): string | undefined {
	if (!TAKEN.has(name)) return `${name ?? `opcode 0x${opcode.toString(16)}`} is not a command of a guest's queue`;
	const bits = stray.find((word) => word !== 0n);
	return bits === undefined ? undefined : `${name} has reserved bits 0x${bits.toString(16)}`;
}
