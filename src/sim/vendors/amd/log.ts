/** What an AMD IOMMU reports: the event log, the log of page requests, and their registers. */
import { iommu_hwpt_pgfault_perm as PERM } from "../../../../structs/index.js";
import { AMD_EVENTS, AMD_FAULT_FLAGS, amdEventName, amdFlagWords, decodeAmdEvent, encodeAmdEvent } from "../../../formats/amd/events.js";
import { AMD_LOG_INDEX, AMD_PPR, AMD_PPR_CODE, AMD_STATUS } from "../../../formats/amd/ppr.js";
import { formatRid } from "../../../formats/rid.js";
import { decodeFields, encodeFields, type Layout, type Values } from "../../../formats/words.js";
import type { PageRequest } from "../../contract/page-request.js";
import type { HwDevice } from "../common/device.js";
import { type HardwareLog, RecordQueue, Registers } from "../common/records.js";
import type { AmdIommu } from "./board.js";
import type { AmdEvent } from "./events.js";

/** How many entries each log has as Linux sets it up: 8 KiB of 16 bytes. */
const ENTRIES = 512;

/** Whose access faulted, and where. */
export interface AmdFault {
	readonly rid: number;
	readonly pasid: number | undefined;
	/** the domain ID */
	readonly domain: number;
	readonly address: bigint;
}

/** The reports of one IOMMU. */
export class AmdLog implements HardwareLog {
	held = false;
	readonly #events: RecordQueue;
	readonly #requests: RecordQueue;
	readonly #registers: Registers;

	constructor({ queues }: AmdIommu) {
		const events = queues.events ?? ENTRIES;
		const requests = queues.page_requests ?? ENTRIES;
		this.#events = new RecordQueue("event log", events, () => this.#registers.read("EventLogHead", "EventLogTail", "Status"));
		this.#requests = new RecordQueue("PPR log", requests, () => this.#registers.read("PprLogHead", "PprLogTail", "Status"));
		const one = (layout: Layout) => (value: bigint) => decodeFields(layout, [value]);
		const index = (count: number, size: number) => encodeFields(AMD_LOG_INDEX, { index: BigInt(count % size) << 4n }, [0n])[0];
		this.#registers = new Registers(() => [
			{ name: "EventLogHead", offset: 0x2010, value: index(this.#events.head, events), decode: one(AMD_LOG_INDEX) },
			{ name: "EventLogTail", offset: 0x2018, value: index(this.#events.written, events), decode: one(AMD_LOG_INDEX) },
			{ name: "Status", offset: 0x2020, value: this.#status(), decode: one(AMD_STATUS) },
			{ name: "PprLogHead", offset: 0x2030, value: index(this.#requests.head, requests), decode: one(AMD_LOG_INDEX) },
			{ name: "PprLogTail", offset: 0x2038, value: index(this.#requests.written, requests), decode: one(AMD_LOG_INDEX) },
		]);
	}

	/** A log that overflowed stops until the driver starts it again. */
	#status(): bigint {
		const bit = (set: boolean) => (set ? 1n : 0n);
		const fields = {
			event_overflow: bit(this.#events.overflowed),
			event_log_int: bit(this.#events.unread > 0),
			event_log_run: bit(!this.#events.overflowed),
			cmd_buf_run: 1n,
			ppr_overflow: bit(this.#requests.overflowed),
			ppr_int: bit(this.#requests.unread > 0),
			ppr_log_run: bit(!this.#requests.overflowed),
		};
		return encodeFields(AMD_STATUS, fields, [0n])[0];
	}

	/** Logs an event; `take`: what the driver does with it. False: the log is full. */
	event(code: number, fields: Readonly<Values>, take: () => void): boolean {
		return this.#events.write(encodeAmdEvent(code, fields), this.held, take);
	}

	/** Logs a page fault (or another event of an access) with its flags. */
	fault(it: AmdFault, event: AmdEvent, take: () => void): boolean {
		return this.#events.write(amdFaultRecord(it, event), this.held, take);
	}

	pageRequest({ requester, part }: HwDevice, request: PageRequest, take: () => void): boolean {
		// the PASID of a virtual device is on the wire, though not in its reports
		const pasid = request.pasid ?? part?.pasid;
		const { group, perm, addr, last } = request;
		const has = (bit: number) => ((perm & bit) !== 0 ? 1n : 0n);
		const fields = {
			code: AMD_PPR_CODE,
			device_id: BigInt(requester.wire),
			pasid_low: BigInt((pasid ?? 0) & 0xffff),
			pasid_high: BigInt((pasid ?? 0) >> 16),
			tag: BigInt(group & 0x1ff),
			last: last ? 1n : 0n,
			gn: pasid === undefined ? 0n : 1n,
			us: pasid === undefined ? 0n : 1n - has(PERM.IOMMU_PGFAULT_PERM_PRIV),
			read: has(PERM.IOMMU_PGFAULT_PERM_READ),
			write: has(PERM.IOMMU_PGFAULT_PERM_WRITE),
			exec: has(PERM.IOMMU_PGFAULT_PERM_EXEC),
			address: addr & ~0xfffn,
		};
		return this.#requests.write(encodeFields(AMD_PPR, fields, [0n, 0n]), this.held, take);
	}

	hold(): void {
		this.held = true;
	}

	release(): void {
		this.held = false;
		for (const queue of [this.#events, this.#requests]) queue.drain();
	}

	registers() {
		return this.#registers.view();
	}

	queues() {
		return [this.#events.view(eventWords), this.#requests.view(requestWords)];
	}
}

/** The two words of an event that an access caused. */
export function amdFaultRecord({ rid, pasid, domain, address }: AmdFault, { code, flags }: AmdEvent): bigint[] {
	const start = (BigInt(code & 0xf) << 60n) | BigInt(rid);
	// only events of accesses have flags and say whose they are
	if (amdEventName(code) === undefined || code > AMD_EVENTS.PAGE_TAB_HARDWARE_ERROR) return [start, address];
	// with GN the entry names the PASID
	const who = (flags & AMD_FAULT_FLAGS.gn) !== 0 ? (pasid ?? 0) : domain;
	return [start | (BigInt(flags) << 48n) | (BigInt(who & 0xffff) << 32n) | (BigInt(who >> 16) << 16n), address];
}

/** An event's name, device, PASID or domain, address, and its flags in words. */
export function eventWords(words: readonly bigint[]) {
	const { name = `event ${words[0] >> 60n}`, fields } = decodeAmdEvent(words);
	const { device_id, domain_or_pasid, pasid_high, address } = fields;
	const who = domain_or_pasid === undefined ? undefined : domain_or_pasid | ((pasid_high ?? 0n) << 16n);
	const text = [
		name,
		...(device_id === undefined ? [] : [`device ${formatRid(Number(device_id))}`]),
		...(who === undefined ? [] : [`${fields.gn === 1n ? "PASID" : "domain"} 0x${who.toString(16)}`]),
		`address 0x${address.toString(16)}`,
		...(fields.pr === undefined ? [] : [amdFlagWords(Number(words[0] >> 48n) & 0xfff)]),
	];
	return { name, fields, text: text.join(", ") };
}

function requestWords(words: readonly bigint[]) {
	const fields = decodeFields(AMD_PPR, words);
	const { device_id, pasid_low, pasid_high, gn, tag, last, address, read, write, exec, us } = fields;
	const access = [
		...(read ? ["read"] : []),
		...(write ? ["write"] : []),
		...(exec ? ["execute"] : []),
		...(gn && !us ? ["privileged"] : []),
	];
	const text = [
		`device ${formatRid(Number(device_id))}`,
		...(gn ? [`PASID 0x${(pasid_low | (pasid_high << 16n)).toString(16)}`] : []),
		`group ${tag}${last ? ", its last" : ""}`,
		`address 0x${address.toString(16)}`,
		access.join(" "),
	];
	return { name: "PAGE_SERVICE_REQUEST", fields, text: text.join(", ") };
}
