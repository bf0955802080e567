/** What a RISC-V IOMMU reports: the fault queue, the page request queue, and their registers. */
import { iommu_hwpt_pgfault_perm as PERM } from "../../../../structs/index.js";
import { hex } from "../../../formats/bits.js";
import { formatRid } from "../../../formats/rid.js";
import {
	decodeRiscvFault,
	isGuestPageFault,
	RISCV_IOTVAL2,
	RISCV_IPSR,
	RISCV_PAGE_REQUEST,
	RISCV_QUEUE_CSR,
	RISCV_QUEUE_INDEX,
	riscvCause,
	riscvFaultWords,
	riscvTransaction,
} from "../../../formats/riscv/index.js";
import { decodeFields, encodeFields, type Layout } from "../../../formats/words.js";
import type { PageRequest } from "../../contract/page-request.js";
import { PRIV } from "../../mmu/walk.js";
import type { HwDevice } from "../common/device.js";
import { type HardwareLog, RecordQueue, Registers } from "../common/records.js";
import type { RiscvIommu } from "./board.js";
import { type RiscvFault, transactionType } from "./faults.js";

/** How many records each queue has as Linux sets up the fault queue. */
const RECORDS = 4096;

/** A transaction as a record describes it. */
export interface Transaction {
	readonly rid: number;
	readonly pasid: number | undefined;
	readonly iova: bigint;
	readonly access: number;
	/** it asked for a translation (ATS) */
	readonly ats: boolean;
}

/** The reports of one IOMMU. */
export class RiscvLog implements HardwareLog {
	held = false;
	readonly #faults: RecordQueue;
	readonly #requests: RecordQueue;
	readonly #registers: Registers;

	/** @param takes whether the page requests of a device reach the queue */
	constructor(
		{ queues }: RiscvIommu,
		readonly takes: (device: HwDevice) => boolean,
	) {
		const faults = queues.events ?? RECORDS;
		const requests = queues.page_requests ?? RECORDS;
		this.#faults = new RecordQueue("fault queue", faults, () => this.#registers.read("fqh", "fqt", "fqcsr", "ipsr"));
		this.#requests = new RecordQueue("page request queue", requests, () => this.#registers.read("pqh", "pqt", "pqcsr", "ipsr"));
		const one = (layout: Layout) => (value: bigint) => decodeFields(layout, [value]);
		const index = (count: number, size: number) => BigInt(count % size);
		this.#registers = new Registers(() => [
			{ name: "fqh", offset: 48, value: index(this.#faults.head, faults), decode: one(RISCV_QUEUE_INDEX) },
			{ name: "fqt", offset: 52, value: index(this.#faults.written, faults), decode: one(RISCV_QUEUE_INDEX) },
			{ name: "pqh", offset: 64, value: index(this.#requests.head, requests), decode: one(RISCV_QUEUE_INDEX) },
			{ name: "pqt", offset: 68, value: index(this.#requests.written, requests), decode: one(RISCV_QUEUE_INDEX) },
			{ name: "fqcsr", offset: 76, value: csrOf(this.#faults), decode: one(RISCV_QUEUE_CSR) },
			{ name: "pqcsr", offset: 80, value: csrOf(this.#requests), decode: one(RISCV_QUEUE_CSR) },
			{ name: "ipsr", offset: 84, value: this.#pending(), decode: one(RISCV_IPSR) },
		]);
	}

	/** pending interrupts: of a queue with new records or an error */
	#pending(): bigint {
		const bit = (queue: RecordQueue) => (queue.unread > 0 || queue.overflowed ? 1n : 0n);
		return encodeFields(RISCV_IPSR, { fip: bit(this.#faults), pip: bit(this.#requests) }, [0n])[0];
	}

	/** Writes a fault record; `take`: what the driver does with it. False: the queue is full. */
	fault({ rid, pasid, iova, access, ats }: Transaction, { cause, iotval2 }: RiscvFault, take: () => void): boolean {
		const fields = {
			cause: BigInt(cause & 0xfff),
			pid: BigInt((pasid ?? 0) & 0xfffff),
			pv: pasid === undefined ? 0n : 1n,
			priv: pasid !== undefined && (access & PRIV) !== 0 ? 1n : 0n,
			ttyp: BigInt(transactionType(access, ats)),
			did: BigInt(rid),
			iotval: iova,
			iotval2,
		};
		return this.#faults.write(riscvFaultWords(fields), this.held, take);
	}

	pageRequest(device: HwDevice, { pasid, group, perm, addr, last }: PageRequest, take: () => void): boolean {
		// the IOMMU answers it itself, and nothing is queued
		if (!this.takes(device)) {
			take();
			return true;
		}
		const has = (bit: number) => ((perm & bit) !== 0 ? 1n : 0n);
		const own = (bit: number) => (pasid === undefined ? 0n : has(bit));
		const fields = {
			pid: BigInt((pasid ?? 0) & 0xfffff),
			pv: pasid === undefined ? 0n : 1n,
			priv: own(PERM.IOMMU_PGFAULT_PERM_PRIV),
			exec: own(PERM.IOMMU_PGFAULT_PERM_EXEC),
			did: BigInt(device.requester.wire),
			r: has(PERM.IOMMU_PGFAULT_PERM_READ),
			w: has(PERM.IOMMU_PGFAULT_PERM_WRITE),
			l: last ? 1n : 0n,
			prgi: BigInt(group & 0x1ff),
			address: addr & ~0xfffn,
		};
		return this.#requests.write(encodeFields(RISCV_PAGE_REQUEST, fields, [0n, 0n]), this.held, take);
	}

	hold(): void {
		this.held = true;
	}

	release(): void {
		this.held = false;
		for (const queue of [this.#faults, this.#requests]) queue.drain();
	}

	registers() {
		return this.#registers.view();
	}

	queues() {
		return [this.#faults.view(faultWords), this.#requests.view(requestWords)];
	}
}

/** A queue's control and status: it runs, with interrupts. */
function csrOf({ overflowed }: RecordQueue): bigint {
	return encodeFields(RISCV_QUEUE_CSR, { enable: 1n, interrupt_enable: 1n, overflow: overflowed ? 1n : 0n, on: 1n }, [0n])[0];
}

/** A fault record's cause, device, process, transaction and addresses. */
function faultWords(words: readonly bigint[]) {
	const fields = decodeRiscvFault(words);
	const cause = Number(fields.cause);
	const { pv, pid, priv, did, iotval, iotval2 } = fields;
	const transaction = riscvTransaction(Number(fields.ttyp));
	const table = (iotval2 & RISCV_IOTVAL2.TABLE) !== 0n;
	const text = [
		`cause ${cause}: ${riscvCause(cause)}`,
		`device ${formatRid(Number(did))}`,
		...(pv ? [`process 0x${pid.toString(16)}`] : []),
		priv ? `privileged ${transaction}` : transaction,
		`iova ${hex(iotval)}`,
		...(isGuestPageFault(cause)
			? [`guest-physical address ${hex(iotval2 & ~3n)}${table ? " of an entry of the guest's tables" : ""}`]
			: []),
	];
	return { name: riscvCause(cause), fields, text: text.join(", ") };
}

function requestWords(words: readonly bigint[]) {
	const fields = decodeFields(RISCV_PAGE_REQUEST, words);
	const { did, pv, pid, priv, exec, r, w, l, prgi, address } = fields;
	const access = [...(r ? ["read"] : []), ...(w ? ["write"] : []), ...(exec ? ["execute"] : []), ...(priv ? ["privileged"] : [])];
	const text = [
		`device ${formatRid(Number(did))}`,
		...(pv ? [`process 0x${pid.toString(16)}`] : []),
		`group ${prgi}${l ? ", its last" : ""}`,
		`address ${hex(address)}`,
		access.join(" "),
	];
	return { name: "page request", fields, text: text.join(", ") };
}
