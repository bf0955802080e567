/** Fault queues and their files. */
import {
	iommufd_page_response_code as CODE,
	iommu_hwpt_pgfault as FAULT,
	iommu_hwpt_pgfault_flags as FLAG,
	iommu_fault_alloc,
	iommu_hwpt_page_response as RESPONSE,
} from "../../../structs/index.js";
import { POLLIN, POLLOUT, type Ret } from "../../kernel/kernel.js";
import type { AttachHandle } from "../contract/device.js";
import { type FaultGroup, type FaultHolder, RESPONSE_INVALID } from "../contract/page-request.js";
import { Fifo } from "../memory/fifo.js";
import { IdPool } from "../memory/id-pool.js";
import type { Caller } from "../process/caller.js";
import { SimFile, type UserIo } from "../process/file.js";
import { bufferFault } from "../process/io.js";
import { abandonChecks, faultQueueAllocChecks, faultReadChecks, faultWriteChecks } from "./checks/queues.js";
import type { Command } from "./command.js";
import { respondWithFile } from "./file-object.js";
import { IommufdObject, type Outsider } from "./object.js";

declare module "./object.js" {
	interface ObjectTypes {
		fault: FaultQueue;
	}
}

/** Page requests that user space has not read yet, and those that it has read but not answered. */
export class FaultQueue extends IommufdObject implements FaultHolder {
	readonly type = "fault";
	/** its file is open */
	open = false;
	/** not read yet */
	readonly queued = new Fifo<FaultGroup>();
	/** read, by cookie */
	readonly unanswered = new IdPool<FaultGroup>(1);

	deliver(group: FaultGroup): void {
		group.holder = this;
		this.queued.push(group);
	}

	/** The attachment is gone: answer its requests with INVALID, whether read or not, and forget their cookies. */
	abandon(handle: AttachHandle): void {
		this.cancel((group) => group.handle === handle);
	}

	cancel(matches: (group: FaultGroup) => boolean): void {
		for (const group of this.queued.removeIf(matches)) this.#giveUp(group);
		for (const [cookie, group] of [...this.unanswered]) {
			if (!matches(group)) continue;
			this.unanswered.delete(cookie);
			this.#giveUp(group);
		}
	}

	forget(group: FaultGroup): void {
		if (this.queued.removeIf((each) => each === group).length > 0) return;
		for (const [cookie, each] of [...this.unanswered]) if (each === group) this.unanswered.delete(cookie);
	}

	#giveUp(group: FaultGroup): void {
		this.context.system.reasons.note(abandonChecks.abandoned, group.device.name, group.requests[0].group);
		group.respond(RESPONSE_INVALID);
	}

	override get heldFrom(): Outsider | undefined {
		return this.open ? { who: "its open file", verb: "close", what: `the file of fault ${this.id}` } : undefined;
	}

	override destroy(): void {
		for (const group of this.queued.removeIf(() => true)) this.#giveUp(group);
		for (const [, group] of this.unanswered) this.#giveUp(group);
	}
}

/** The queue's file: read returns struct iommu_hwpt_pgfault, write takes struct iommu_hwpt_page_response. */
export class FaultFile extends SimFile {
	readonly kind = "fault";
	override readonly canRead = true;
	override readonly canWrite = true;
	override readonly hasOffsets = false;

	constructor(readonly queue: FaultQueue) {
		super();
		queue.users++;
		queue.open = true;
		queue.context.hold();
	}

	override read(caller: Caller, io: UserIo): Ret {
		const { reasons } = caller;
		if (io.length % FAULT.size !== 0) return reasons.fail(faultReadChecks.faultReadSize, io.length);
		const { queued, unanswered } = this.queue;
		let done = 0;
		for (let group = queued.first; group !== undefined; group = queued.first) {
			const bytes = group.requests.length * FAULT.size;
			// A group is read as a whole, or stays in the queue.
			if (bytes > io.length - done) {
				if (done > 0 || this.queue.context.system.release?.lacks("fault.short-read")) return done;
				return reasons.fail(faultReadChecks.faultRoom, io.length, bytes);
			}
			const cookie = unanswered.add(group);
			const rc = io.put(done, encodeGroup(group, cookie));
			if (rc < 0) {
				unanswered.delete(cookie);
				return done > 0 ? done : bufferFault(caller, io, done, bytes, true);
			}
			queued.shift();
			done += bytes;
		}
		return done;
	}

	override write(caller: Caller, io: UserIo): Ret {
		const { reasons } = caller;
		if (io.length % RESPONSE.size !== 0) return reasons.fail(faultWriteChecks.responseSize, io.length);
		const { unanswered } = this.queue;
		const bytes = new Uint8Array(RESPONSE.size);
		let done = 0;
		while (done < io.length) {
			if (io.get(done, bytes) < 0) return done > 0 ? done : bufferFault(caller, io, done, bytes.length, false);
			const { cookie, code } = RESPONSE.decode(bytes);
			const known = code === CODE.IOMMUFD_PAGE_RESP_SUCCESS || code === CODE.IOMMUFD_PAGE_RESP_INVALID;
			if (!known) return done > 0 ? done : reasons.fail(faultWriteChecks.responseCode, code);
			const group = unanswered.delete(cookie);
			// Cookies start at 1, but a response with 0 makes 0 one of them, while any is unanswered.
			if (group === undefined && cookie === 0) unanswered.freeZero();
			if (group === undefined) return done > 0 ? done : reasons.fail(faultWriteChecks.unknownCookie, cookie);
			group.respond(code);
			done += bytes.length;
		}
		return done;
	}

	override poll(): number {
		return this.queue.queued.first === undefined ? POLLOUT : POLLIN | POLLOUT;
	}

	override peek(most: number): Uint8Array[] {
		const { queued, unanswered } = this.queue;
		const groups = queued.head(most);
		const cookies = unanswered.upcoming(groups.length);
		return groups.map((group, i) => encodeGroup(group, cookies[i]));
	}

	protected override release(): void {
		this.queue.users--;
		this.queue.open = false;
		this.queue.context.release();
	}
}

function encodeGroup(group: FaultGroup, cookie: number): Uint8Array {
	const bytes = new Uint8Array(group.requests.length * FAULT.size);
	group.requests.forEach((request, i) => {
		const pasid = request.pasid !== undefined ? FLAG.IOMMU_PGFAULT_FLAGS_PASID_VALID : 0;
		const last = request.last ? FLAG.IOMMU_PGFAULT_FLAGS_LAST_PAGE : 0;
		FAULT.encode(
			{
				flags: pasid | last,
				dev_id: group.handle.owner.id,
				pasid: request.pasid ?? 0,
				grpid: request.group,
				perm: request.perm,
				addr: request.addr,
				cookie,
			},
			bytes,
			i * FAULT.size,
		);
	});
	return bytes;
}

/** IOMMU_FAULT_QUEUE_ALLOC */
export function faultQueueAlloc(command: Command): Ret {
	const at = iommu_fault_alloc.offsets;
	if (command.u32(at.flags) !== 0) return command.fail(faultQueueAllocChecks.flags, command.u32(at.flags));
	const queue = new FaultQueue(command.context);
	command.setU32(at.out_fault_id, queue.id);
	return respondWithFile(command, queue, new FaultFile(queue), at.out_fault_fd);
}
