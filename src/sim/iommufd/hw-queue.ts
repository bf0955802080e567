/** Hardware queues of vIOMMUs. */
import { iommu_hw_queue_alloc, iommu_hw_queue_type } from "../../../structs/index.js";
import type { Ret } from "../../kernel/kernel.js";
import type { HwQueueCore, HwQueueOps } from "../contract/viommu.js";
import { IOVA_MAX } from "../iova/interval-set.js";
import { frameOf, PAGE_MASK, PAGE_SHIFT } from "../memory/memory-object.js";
import { Access, type PinnedRange, pinnedPages } from "./access.js";
import { hwQueueAllocChecks, queueMemoryChecks } from "./checks/viommu.js";
import type { Command } from "./command.js";
import { IommufdObject } from "./object.js";
import type { Viommu } from "./viommu.js";

declare module "./object.js" {
	interface ObjectTypes {
		"hw-queue": HwQueue;
	}
}

/** The most pages for which the kernel can allocate a list. */
const MAX_PAGES = ((1n << 31n) - 1n) / 8n;

/** A queue in guest memory that hardware reads directly; its memory stays pinned. */
export class HwQueue extends IommufdObject implements HwQueueCore {
	readonly type = "hw-queue";
	access: Access | undefined;
	pinned: PinnedRange | undefined;
	ops: HwQueueOps | undefined;
	/** the queue without which it would not work */
	#previous: HwQueue | undefined;

	constructor(
		readonly viommu: Viommu,
		readonly iova: bigint,
		readonly length: bigint,
	) {
		super(viommu.context);
		viommu.users++;
	}

	/** host-physical; 0 before it is pinned */
	get pa(): bigint {
		const [first] = this.pinned === undefined ? [] : pinnedPages(this.pinned);
		return first === undefined ? 0n : (BigInt(frameOf(first.object, first.page)) << PAGE_SHIFT) | (this.iova & PAGE_MASK);
	}

	hold(by: HwQueueCore): void {
		this.users++;
		(by as HwQueue).#previous = this;
	}

	letGo(): void {
		this.users--;
	}

	override holds(): readonly IommufdObject[] {
		return [this.viommu, this.access, this.#previous].filter((one) => one !== undefined);
	}

	override destroy(): void {
		this.ops?.destroy();
		const { access, pinned } = this;
		if (access !== undefined) {
			if (pinned !== undefined) access.unpin(pinned);
			access.users--;
			this.context.remove(access);
		}
		this.viommu.users--;
	}
}

/** IOMMU_HW_QUEUE_ALLOC */
export function hwQueueAlloc(command: Command): Ret {
	const at = iommu_hw_queue_alloc.offsets;
	const { context } = command;
	const type = command.u32(at.type);
	if (command.u32(at.flags) !== 0) return command.fail(hwQueueAllocChecks.flags, command.u32(at.flags));
	if (type === iommu_hw_queue_type.IOMMU_HW_QUEUE_TYPE_DEFAULT) return command.fail(hwQueueAllocChecks.defaultType);
	const iova = command.u64(at.nesting_parent_iova);
	const length = command.u64(at.length);
	if (length === 0n) return command.fail(hwQueueAllocChecks.lengthZero);
	if (iova + length - 1n > IOVA_MAX) return command.fail(hwQueueAllocChecks.end, length, iova);
	const viommu = context.find(command.u32(at.viommu_id), "viommu");
	if (viommu === undefined)
		return command.fail(hwQueueAllocChecks.noViommu, command.u32(at.viommu_id), command.named(command.u32(at.viommu_id)));
	const { ops } = viommu;
	if (ops.hwQueueSupported === undefined || ops.initHwQueue === undefined) return command.fail(hwQueueAllocChecks.noHwQueues, viommu.id);
	let rc = ops.hwQueueSupported(type);
	if (rc < 0) return rc;
	const queue = new HwQueue(viommu, iova, length);
	rc = pinQueue(queue);
	if (rc === 0) {
		const init = ops.initHwQueue(queue, command.u32(at.index));
		if (typeof init === "number") rc = init;
		else queue.ops = init;
	}
	if (rc === 0) {
		command.setU32(at.out_hw_queue_id, queue.id);
		rc = command.respond();
	}
	if (rc < 0) context.abort(queue);
	else context.finalize(queue);
	return rc;
}

/** Pin the queue's memory through the nesting parent. -EFAULT unless it is physically contiguous. */
function pinQueue(queue: HwQueue): Ret {
	const { viommu, context, iova, length } = queue;
	const { reasons } = context.system;
	const start = iova & ~0xfffn;
	const pages = (iova + length - start + 0xfffn) >> 12n;
	if (pages << 12n > IOVA_MAX) return reasons.fail(queueMemoryChecks.queueRange, pages, start);
	if (pages > MAX_PAGES) return reasons.fail(queueMemoryChecks.queuePages, pages);
	const access = new Access(context, true, { release: undefined, name: `hw-queue ${queue.id}` }, undefined, false);
	access.users++;
	context.finalize(access);
	queue.access = access;
	const rc = access.attach(viommu.parent.ioas);
	if (rc < 0) return rc;
	const pinned = access.pin(start, iova + length - start, false, true);
	if (typeof pinned === "number") return pinned;
	queue.pinned = pinned;
	// Small pages come from all over memory: no two of them are adjacent.
	return pages > 1n ? reasons.fail(queueMemoryChecks.notContiguous, Number(pages)) : 0;
}
