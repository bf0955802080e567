/** What an SMMUv3 reports: the event queue, the page request queue, and their registers. */
import { iommu_hwpt_pgfault_perm as PERM } from "../../../../structs/index.js";
import { smmuEventWords } from "../../../formats/smmuv3/event-words.js";
import { decodeSmmuEvent } from "../../../formats/smmuv3/events.js";
import { SMMU_CMDQ_CONS, SMMU_CONS, SMMU_GERROR, SMMU_PAGE_REQUEST, SMMU_PROD } from "../../../formats/smmuv3/queues.js";
import { SMMU_IDR } from "../../../formats/smmuv3/registers.js";
import { decodeFields, encodeFields, fromWords, type Layout, toWords } from "../../../formats/words.js";
import type { PageRequest } from "../../contract/page-request.js";
import type { HwDevice } from "../common/device.js";
import { type HardwareLog, RecordQueue, Registers } from "../common/records.js";
import type { Smmuv3Iommu } from "./board.js";

/** The largest queues that Linux makes: 4 MiB. */
const EVENTS_LOG2 = 17;
const REQUESTS_LOG2 = 18;
/** CERROR_ATC_INV_SYNC */
const ATC_INV_SYNC = 3n;

/** The reports of one SMMU. */
export class SmmuLog implements HardwareLog {
	held = false;
	readonly #events: RecordQueue;
	readonly #requests: RecordQueue;
	/** the overflow flags toggle with each overflow */
	#toggles = { events: false, requests: false };
	#commandErrors = 0;
	readonly #registers: Registers;

	constructor({ idr, queues }: Smmuv3Iommu) {
		const { eventqs, priqs } = decodeFields(SMMU_IDR, idr.map(BigInt));
		const size = (most: bigint, log2: number, wanted = 2 ** log2) => Math.min(2 ** Number(most), wanted);
		const events = size(eventqs, EVENTS_LOG2, queues.events);
		const requests = size(priqs, REQUESTS_LOG2, queues.page_requests);
		this.#events = new RecordQueue("EVENTQ", events, () => this.#registers.read("SMMU_EVENTQ_PROD", "SMMU_EVENTQ_CONS"));
		this.#requests = new RecordQueue("PRIQ", requests, () => this.#registers.read("SMMU_PRIQ_PROD", "SMMU_PRIQ_CONS"));
		const one = (layout: Layout) => (value: bigint) => decodeFields(layout, [value]);
		// the index has a wrap bit above the queue's size
		const index = (count: number, size: number) => BigInt(count % (2 * size));
		const prod = (queue: RecordQueue, flag: boolean) =>
			encodeFields(SMMU_PROD, { index: index(queue.written, queue.capacity), overflow: flag ? 1n : 0n }, [0n])[0];
		const cons = (queue: RecordQueue, flag: boolean) => {
			const acknowledged = flag !== queue.overflowed ? 1n : 0n;
			return encodeFields(SMMU_CONS, { index: index(queue.head, queue.capacity), acknowledged }, [0n])[0];
		};
		this.#registers = new Registers(() => [
			{ name: "SMMU_GERROR", offset: 0x60, value: BigInt(this.#commandErrors & 1), decode: one(SMMU_GERROR) },
			{
				name: "SMMU_CMDQ_CONS",
				offset: 0x9c,
				value: encodeFields(SMMU_CMDQ_CONS, { err: this.#failing ? ATC_INV_SYNC : 0n }, [0n])[0],
				decode: one(SMMU_CMDQ_CONS),
			},
			{ name: "SMMU_EVENTQ_PROD", offset: 0x100a8, value: prod(this.#events, this.#toggles.events), decode: one(SMMU_PROD) },
			{ name: "SMMU_EVENTQ_CONS", offset: 0x100ac, value: cons(this.#events, this.#toggles.events), decode: one(SMMU_CONS) },
			{ name: "SMMU_PRIQ_PROD", offset: 0x100c8, value: prod(this.#requests, this.#toggles.requests), decode: one(SMMU_PROD) },
			{ name: "SMMU_PRIQ_CONS", offset: 0x100cc, value: cons(this.#requests, this.#toggles.requests), decode: one(SMMU_CONS) },
		]);
	}

	/** a command has failed, and the driver has not seen it */
	#failing = false;

	/** Writes an event record; `take`: what the driver does with it. A stalled transaction's waits for room; others are lost. False: lost. */
	event(record: Uint8Array, take: () => void, stalled = false): boolean {
		const overflowed = this.#events.overflowed;
		const written = this.#events.write(toWords(record), this.held, take, stalled);
		if (!written && !overflowed) this.#toggles.events = !this.#toggles.events;
		return written;
	}

	/** An ATC_INV did not end. */
	invalidationError(): void {
		this.#commandErrors++;
		this.#failing = true;
		if (this.held) return;
		this.#seen();
	}

	/** The driver finds the failed command. */
	#seen(): void {
		this.#registers.read("SMMU_GERROR", "SMMU_CMDQ_CONS");
		this.#failing = false;
	}

	pageRequest({ requester, part }: HwDevice, request: PageRequest, take: () => void): boolean {
		// the PASID of a virtual device is on the wire, though not in its reports
		const pasid = request.pasid ?? part?.pasid;
		const { group, perm, addr, last } = request;
		const has = (bit: number) => ((perm & bit) !== 0 ? 1n : 0n);
		// X and Priv are 0 without a substream
		const prefix = (bit: number) => (pasid === undefined ? 0n : has(bit));
		const fields = {
			sid: BigInt(requester.wire),
			ssv: pasid === undefined ? 0n : 1n,
			ssid: BigInt(pasid ?? 0),
			r: has(PERM.IOMMU_PGFAULT_PERM_READ),
			w: has(PERM.IOMMU_PGFAULT_PERM_WRITE),
			x: prefix(PERM.IOMMU_PGFAULT_PERM_EXEC),
			priv: prefix(PERM.IOMMU_PGFAULT_PERM_PRIV),
			last: last ? 1n : 0n,
			prg_index: BigInt(group & 0x1ff),
			address: addr & ~0xfffn,
		};
		const overflowed = this.#requests.overflowed;
		// an active overflow keeps further requests out, room or not (8.1)
		const written = !overflowed && this.#requests.write(encodeFields(SMMU_PAGE_REQUEST, fields, [0n, 0n]), this.held, take);
		if (overflowed) this.#requests.lost++;
		if (!written && !overflowed) this.#toggles.requests = !this.#toggles.requests;
		return written;
	}

	hold(): void {
		this.held = true;
	}

	release(): void {
		this.held = false;
		if (this.#failing) this.#seen();
		for (const queue of [this.#events, this.#requests]) queue.drain();
	}

	registers() {
		return this.#registers.view();
	}

	queues() {
		return [this.#events.view(eventWords), this.#requests.view(requestWords)];
	}
}

function eventWords(words: readonly bigint[]) {
	const record = fromWords(words);
	const { name, type, fields } = decodeSmmuEvent(record);
	return { name: name ?? `0x${type.toString(16)}`, fields, text: smmuEventWords(record) };
}

function requestWords(words: readonly bigint[]) {
	const fields = decodeFields(SMMU_PAGE_REQUEST, words);
	const { sid, ssid, ssv, prg_index, last, address, r, w, x, priv } = fields;
	const access = [...(r ? ["read"] : []), ...(w ? ["write"] : []), ...(x ? ["execute"] : []), ...(priv ? ["privileged"] : [])];
	const text = [
		`sid 0x${sid.toString(16)}`,
		...(ssv ? [`ssid 0x${ssid.toString(16)}`] : []),
		`group ${prg_index}${last ? ", its last" : ""}`,
		`iova 0x${address.toString(16)}`,
		access.join(" "),
	];
	return { name: "page request", fields, text: text.join(", ") };
}
