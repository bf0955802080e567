/** What a VT-d unit reports: fault recording registers, the page request queue, and the registers that say what happened. */
import { iommu_hwpt_pgfault_perm as PERM } from "../../../../structs/index.js";
import { formatRid } from "../../../formats/rid.js";
import {
	VTD_FRCD,
	VTD_FSTS,
	VTD_IQERCD,
	VTD_PAGE_REQUEST,
	VTD_PAGE_REQUEST_TYPE,
	VTD_PQ_INDEX,
	VTD_PRS,
} from "../../../formats/vtd/fault-records.js";
import { VTD_CAP } from "../../../formats/vtd/registers.js";
import { decodeFields, encodeFields, type Layout } from "../../../formats/words.js";
import type { PageRequest } from "../../contract/page-request.js";
import type { AtcError } from "../../mmu/failing-atcs.js";
import { EXEC, PRIV, WRITE } from "../../mmu/walk.js";
import type { HwDevice } from "../common/device.js";
import { type HardwareLog, RecordQueue, Registers } from "../common/records.js";
import type { VtdIommu } from "./board.js";
import { vtdReason } from "./fault-reasons.js";

/** How many requests the queue has room for as Linux sets it up: 64 KiB of 32 bytes. */
const PAGE_REQUESTS = 2048;

/** A fault as the unit records it. */
export interface VtdFault {
	readonly rid: number;
	readonly pasid: number | undefined;
	readonly address: bigint;
	/** READ, WRITE, EXEC, PRIV */
	readonly access: number;
	readonly reason: number;
	/** it was a translation request of the device (ATS) */
	readonly request: boolean;
}

/** The reports of one unit. */
export class VtdLog implements HardwareLog {
	held = false;
	readonly #faults: RecordQueue;
	readonly #requests: RecordQueue;
	readonly #errors: RecordQueue;
	/** FSTS's bits for invalidation errors, and IQERCD, until the driver clears them */
	#errorBits = 0n;
	#errorRecord = 0n;
	readonly #registers: Registers;

	constructor(unit: VtdIommu) {
		const { nfr, fro } = decodeFields(VTD_CAP, [unit.cap]);
		const requests = unit.queues.page_requests ?? PAGE_REQUESTS;
		const faulted = () => this.#registers.read("FSTS_REG", "IQERCD_REG");
		this.#faults = new RecordQueue("fault recording registers", Number(nfr) + 1, faulted);
		this.#requests = new RecordQueue("page request queue", requests, () => this.#registers.read("PQH_REG", "PQT_REG", "PRS_REG"));
		this.#errors = new RecordQueue("invalidation errors", 1, faulted);
		const one = (layout: Layout) => (value: bigint) => decodeFields(layout, [value]);
		const index = (count: number) => encodeFields(VTD_PQ_INDEX, { index: BigInt(count % requests) << 5n }, [0n])[0];
		this.#registers = new Registers(() => [
			{ name: "FSTS_REG", offset: 0x34, value: this.#status(Number(nfr) + 1), decode: one(VTD_FSTS) },
			{ name: "IQERCD_REG", offset: 0xb0, value: this.#errorRecord, decode: one(VTD_IQERCD) },
			{ name: "PQH_REG", offset: 0xc0, value: index(this.#requests.head), decode: one(VTD_PQ_INDEX) },
			{ name: "PQT_REG", offset: 0xc8, value: index(this.#requests.written), decode: one(VTD_PQ_INDEX) },
			{ name: "PRS_REG", offset: 0xdc, value: this.#requestStatus(), decode: one(VTD_PRS) },
		]);
		this.frcdOffset = Number(fro) * 16;
	}

	/** where the fault recording registers begin (CAP.FRO), in bytes */
	readonly frcdOffset: number;

	#status(registers: number): bigint {
		const { unread, overflowed, head } = this.#faults;
		const fields = { pfo: overflowed ? 1n : 0n, ppf: unread > 0 ? 1n : 0n, fri: unread > 0 ? BigInt(head % registers) : 0n };
		return encodeFields(VTD_FSTS, fields, [this.#errorBits])[0];
	}

	#requestStatus(): bigint {
		const { unread, overflowed } = this.#requests;
		return encodeFields(VTD_PRS, { ppr: unread > 0 ? 1n : 0n, pro: overflowed ? 1n : 0n }, [0n])[0];
	}

	/** Records a fault; `take`: what the driver does with it. While all registers are in use, faults are lost (PFO): false. */
	fault(fault: VtdFault, take: () => void): boolean {
		return this.#faults.write(vtdFaultRecord(fault), this.held, take);
	}

	/** A device-TLB invalidation failed. The error bits stay until the driver clears them. */
	invalidationError(error: AtcError, rid: number): void {
		const named = error === "ITE" ? { itesid: BigInt(rid) } : { icesid: BigInt(rid) };
		const bit = encodeFields(VTD_FSTS, error === "ITE" ? { ite: 1n } : { ice: 1n }, [0n])[0];
		this.#errorBits |= bit;
		const { itesid, icesid } = { ...decodeFields(VTD_IQERCD, [this.#errorRecord]), ...named };
		this.#errorRecord = encodeFields(VTD_IQERCD, { itesid, icesid }, [0n])[0];
		this.#errors.write([this.#errorBits, this.#errorRecord], this.held, () => {
			this.#errorBits = 0n;
			this.#errorRecord = 0n;
		});
	}

	pageRequest({ requester, part }: HwDevice, request: PageRequest, take: () => void): boolean {
		// the PASID of a virtual device is on the wire, though not in its reports
		const pasid = request.pasid ?? part?.pasid;
		const { group, perm, addr, last, privateData } = request;
		const has = (bit: number) => ((perm & bit) !== 0 ? 1n : 0n);
		const fields = {
			type: VTD_PAGE_REQUEST_TYPE,
			pasid_present: pasid === undefined ? 0n : 1n,
			private_data_present: privateData === undefined ? 0n : 1n,
			rid: BigInt(requester.wire),
			pasid: BigInt(pasid ?? 0),
			exe_req: has(PERM.IOMMU_PGFAULT_PERM_EXEC),
			pm_req: has(PERM.IOMMU_PGFAULT_PERM_PRIV),
			rd_req: has(PERM.IOMMU_PGFAULT_PERM_READ),
			wr_req: has(PERM.IOMMU_PGFAULT_PERM_WRITE),
			lpig: last ? 1n : 0n,
			prgi: BigInt(group),
			address: addr & ~0xfffn,
			private_data: BigInt(privateData ?? 0),
		};
		return this.#requests.write(encodeFields(VTD_PAGE_REQUEST, fields, [0n, 0n, 0n, 0n]), this.held, take);
	}

	hold(): void {
		this.held = true;
	}

	release(): void {
		this.held = false;
		for (const queue of [this.#faults, this.#requests, this.#errors]) queue.drain();
	}

	registers() {
		return this.#registers.view();
	}

	queues() {
		return [this.#faults.view(faultWords), this.#errors.view(errorWords), this.#requests.view(requestWords)];
	}
}

/** The two words of a fault recording register. */
export function vtdFaultRecord({ rid, pasid, address, access, reason, request }: VtdFault): bigint[] {
	const fields = {
		fi: address & ~0xfffn,
		sid: BigInt(rid),
		t1: (access & WRITE) !== 0 ? 0n : 1n,
		priv: (access & PRIV) !== 0 ? 1n : 0n,
		exe: (access & EXEC) !== 0 ? 1n : 0n,
		pp: pasid === undefined ? 0n : 1n,
		pv: BigInt(pasid ?? 0),
		fr: BigInt(reason) & 0xffn,
		at: request ? 1n : 0n,
		f: 1n,
	};
	return encodeFields(VTD_FRCD, fields, [0n, 0n]);
}

function faultWords(words: readonly bigint[]) {
	const fields = decodeFields(VTD_FRCD, words);
	const { sid, fr, pp, pv, fi, t1, exe, priv, at } = fields;
	const reason = Number(fr);
	const name = `0x${reason.toString(16).padStart(2, "0")}`;
	const access = t1 === 0n ? "write" : exe === 1n ? "read for execution" : "read";
	const text = [
		`fault reason ${name}`,
		vtdReason(reason),
		`device ${formatRid(Number(sid))}`,
		...(pp === 1n ? [`PASID 0x${pv.toString(16)}`] : []),
		`iova 0x${fi.toString(16)}`,
		priv === 1n ? `privileged ${access}` : access,
		...(at === 1n ? ["translation request"] : []),
	];
	return { name, fields, text: text.join(", ") };
}

function errorWords([status, record]: readonly bigint[]) {
	const { ite, ice } = decodeFields(VTD_FSTS, [status]);
	const { itesid, icesid } = decodeFields(VTD_IQERCD, [record]);
	const name = [...(ite ? ["ITE"] : []), ...(ice ? ["ICE"] : [])].join(", ");
	const text = [
		...(ite ? [`invalidation time-out error of ${formatRid(Number(itesid))}`] : []),
		...(ice ? [`invalidation completion error of ${formatRid(Number(icesid))}`] : []),
	];
	return { name, fields: { ite, ice, itesid, icesid }, text: text.join(", ") };
}

function requestWords(words: readonly bigint[]) {
	const fields = decodeFields(VTD_PAGE_REQUEST, words);
	const { rid, pasid, pasid_present, prgi, lpig, address, rd_req, wr_req, exe_req, pm_req } = fields;
	const access = [
		...(rd_req ? ["read"] : []),
		...(wr_req ? ["write"] : []),
		...(exe_req ? ["execute"] : []),
		...(pm_req ? ["privileged"] : []),
	];
	const text = [
		`device ${formatRid(Number(rid))}`,
		...(pasid_present ? [`PASID 0x${pasid.toString(16)}`] : []),
		`group ${prgi}${lpig ? ", its last" : ""}`,
		`iova 0x${address.toString(16)}`,
		access.join(" "),
	];
	return { name: "page_req_dsc", fields, text: text.join(", ") };
}
