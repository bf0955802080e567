/** Event queues of vIOMMUs and their files. */
import {
	iommu_veventq_flag as FLAG,
	iommufd_vevent_header as HEADER,
	iommu_veventq_alloc,
	iommu_veventq_type,
} from "../../../structs/index.js";
import { POLLIN, type Ret } from "../../kernel/kernel.js";
import { Fifo } from "../memory/fifo.js";
import type { Caller } from "../process/caller.js";
import { SimFile, type UserIo } from "../process/file.js";
import { bufferFault } from "../process/io.js";
import { veventReadChecks } from "./checks/queues.js";
import { eventChecks, veventqAllocChecks } from "./checks/viommu.js";
import type { Command } from "./command.js";
import { respondWithFile } from "./file-object.js";
import { IommufdObject, type Outsider } from "./object.js";
import type { Viommu } from "./viommu.js";

declare module "./object.js" {
	interface ObjectTypes {
		veventq: VeventQueue;
	}
}

const MAX_DEPTH = 1 << 19;
const SEQUENCE_MASK = 0x7fffffff;

/** `data` undefined: the marker for lost events. */
interface Event {
	readonly sequence: number;
	readonly data: Uint8Array | undefined;
}

/** Events of a vIOMMU that user space has not read yet. */
export class VeventQueue extends IommufdObject {
	readonly type = "veventq";
	readonly #events = new Fifo<Event>();
	#held = 0;
	#sequence = 0;

	constructor(
		readonly viommu: Viommu,
		/** IOMMU_VEVENTQ_TYPE_* */
		readonly eventType: number,
		/** the most events that are kept, not counting the marker */
		readonly depth: number,
	) {
		super(viommu.context);
		viommu.users++;
		viommu.eventQueues.set(eventType, this);
	}

	get first(): Event | undefined {
		return this.#events.first;
	}

	head(count: number): Event[] {
		return this.#events.head(count);
	}

	/** Queue an event; if there is no room it is lost, and the marker ends the queue. */
	report(data: Uint8Array): "queued" | "lost" {
		// The marker is always last: the next event replaces it or, if lost, updates its sequence number.
		if (this.#events.last !== undefined && this.#events.last.data === undefined) this.#events.pop();
		const full = this.#held === this.depth;
		if (full) this.context.system.reasons.note(eventChecks.queueFull, this.id, this.depth);
		else this.#held++;
		this.#events.push({ sequence: this.#sequence, data: full ? undefined : data });
		this.#sequence = (this.#sequence + 1) & SEQUENCE_MASK;
		return full ? "lost" : "queued";
	}

	shift(): void {
		if (this.#events.shift()?.data !== undefined) this.#held--;
	}

	override holds(): readonly IommufdObject[] {
		return [this.viommu];
	}

	override get heldFrom(): Outsider | undefined {
		return this.users > 0 ? { who: "its open file", verb: "close", what: `the file of veventq ${this.id}` } : undefined;
	}

	override destroy(): void {
		this.viommu.eventQueues.delete(this.eventType);
		this.viommu.users--;
	}
}

/** The queue's file: each record is struct iommufd_vevent_header, followed by its data unless it marks lost events. */
export class VeventFile extends SimFile {
	readonly kind = "veventq";
	override readonly canRead = true;
	override readonly hasOffsets = false;

	constructor(readonly queue: VeventQueue) {
		super();
		queue.users++;
		queue.context.hold();
	}

	override read(caller: Caller, io: UserIo): Ret {
		const { queue } = this;
		let done = 0;
		if (io.length < HEADER.size) return caller.reasons.fail(veventReadChecks.veventReadSize, io.length, HEADER.size);
		for (let event = queue.first; event !== undefined; event = queue.first) {
			const record = encodeEvent(event);
			const bytes = record.length;
			if (bytes > io.length - done) return done > 0 ? done : caller.reasons.fail(veventReadChecks.veventRoom, io.length, bytes);
			const rc = io.put(done, record);
			if (rc < 0) return done > 0 ? done : bufferFault(caller, io, done, bytes, true);
			queue.shift();
			done += bytes;
		}
		return done;
	}

	override poll(): number {
		return this.queue.first === undefined ? 0 : POLLIN;
	}

	override peek(most: number): Uint8Array[] {
		return this.queue.head(most).map(encodeEvent);
	}

	protected override release(): void {
		this.queue.users--;
		this.queue.context.release();
	}
}

function encodeEvent({ sequence, data }: Event): Uint8Array {
	const record = new Uint8Array(HEADER.size + (data?.length ?? 0));
	HEADER.encode({ flags: data === undefined ? FLAG.IOMMU_VEVENTQ_FLAG_LOST_EVENTS : 0, sequence }, record);
	if (data !== undefined) record.set(data, HEADER.size);
	return record;
}

/** IOMMU_VEVENTQ_ALLOC */
export function veventqAlloc(command: Command): Ret {
	const at = iommu_veventq_alloc.offsets;
	const type = command.u32(at.type);
	if (command.u32(at.flags) !== 0) return command.fail(veventqAllocChecks.flags, command.u32(at.flags));
	if (command.u32(at.__reserved) !== 0) return command.fail(veventqAllocChecks.reservedWord, command.u32(at.__reserved));
	if (type === iommu_veventq_type.IOMMU_VEVENTQ_TYPE_DEFAULT) return command.fail(veventqAllocChecks.defaultType);
	const depth = command.u32(at.veventq_depth);
	if (depth === 0 || depth > MAX_DEPTH) return command.fail(veventqAllocChecks.depth, depth);
	const viommu = command.context.find(command.u32(at.viommu_id), "viommu");
	if (viommu === undefined)
		return command.fail(veventqAllocChecks.noViommu, command.u32(at.viommu_id), command.named(command.u32(at.viommu_id)));
	const taken = viommu.eventQueues.get(type);
	if (taken !== undefined) return command.fail(veventqAllocChecks.typeTaken, taken.id, type);
	const queue = new VeventQueue(viommu, type, depth);
	command.setU32(at.out_veventq_id, queue.id);
	return respondWithFile(command, queue, new VeventFile(queue), at.out_veventq_fd);
}
