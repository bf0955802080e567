/** vIOMMUs of an SMMUv3 with the Tegra241 CMDQV extension: a virtual interface with command queues that the guest drives itself. */
import {
	iommu_viommu_tegra241_cmdqv as DATA,
	iommu_vevent_tegra241_cmdqv as EVENT,
	iommu_hw_queue_type,
	iommu_veventq_type,
	iommu_viommu_type,
} from "../../../../structs/index.js";
import { LVCMDQ_REGISTERS, LVCMDQ_STRIDE, type SmmuCommand, VINTF_PAGE0_SIZE } from "../../../formats/smmuv3/index.js";
import type { Ret } from "../../../kernel/kernel.js";
import type { IommuDevice } from "../../contract/device.js";
import { type AllocData, copyUserData, hasData } from "../../contract/user-data.js";
import type { HwQueueCore, HwQueueOps, ViommuCore } from "../../contract/viommu.js";
import { faultAt } from "../../memory/fault.js";
import { PAGE_SIZE } from "../../memory/memory-object.js";
import type { RegisterPages } from "../../memory/register-pages.js";
import type { Reasons } from "../../why/reasons.js";
import type { SmmuPagingDomain } from "./domains.js";
import { smmuInvalidations } from "./invalidations.js";
import type { Smmu } from "./smmu.js";
import type { Tegra241Cmdqv } from "./tegra241-board.js";
import { tegraQueueChecks, tegraQueueTypeChecks, tegraVdeviceChecks, tegraViommuChecks } from "./tegra241-checks.js";
import { refusedCommand, VirtualCommandQueue } from "./tegra241-queue.js";
import { SmmuViommu } from "./viommu.js";

const TYPE = iommu_viommu_type.IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV;
/** The smallest queue: two commands. */
const MIN_LENGTH = 32n;
/** A queue's base register has address bits up to 47. */
const MAX_PA = 1n << 48n;

/** A virtual interface. */
export class Tegra241Viommu extends SmmuViommu {
	readonly #queues: (VirtualCommandQueue | undefined)[] = [];
	#devices = 0;
	readonly #page0: { readonly object: RegisterPages; readonly offset: number };

	private constructor(
		viommu: ViommuCore,
		parent: SmmuPagingDomain,
		readonly cmdqv: Tegra241Cmdqv,
		/** its number; 0 is the kernel's own */
		readonly vintf: number,
	) {
		super(viommu, parent);
		this.#page0 = viommu.newRegisters(VINTF_PAGE0_SIZE / PAGE_SIZE, (offset, count) => this.#written(offset, count));
		parent.iommu.doorbells.add(this.#poll);
	}

	readonly #poll = (): void => {
		if (this.#page0.object.unwatched) this.#run();
	};

	/** Takes a virtual interface, and answers where its page can be mapped. -EINVAL, -EFAULT; -ENOSPC: none is left. */
	static create(viommu: ViommuCore, parent: SmmuPagingDomain, cmdqv: Tegra241Cmdqv, from: AllocData): Tegra241Viommu | Ret {
		const { memory, reasons } = from.process;
		if (!hasData(from)) return reasons.fail(tegraViommuChecks.tegraNoData);
		const bytes = copyUserData(from.process, from.data, TYPE, DATA.size);
		if (typeof bytes === "number") return bytes;
		const vintf = parent.iommu.takeVintf(cmdqv);
		if (vintf < 0) return vintf;
		const made = new Tegra241Viommu(viommu, parent, cmdqv, vintf);
		const { uptr } = from.data;
		const answer = DATA.encode({
			out_vintf_mmap_offset: BigInt(made.#page0.offset * PAGE_SIZE),
			out_vintf_mmap_length: BigInt(VINTF_PAGE0_SIZE),
		});
		if (memory.write(uptr, answer) >= 0) return made;
		made.destroy();
		return reasons.fail(tegraViommuChecks.tegraDataNotWritable, uptr, faultAt(memory, uptr, answer.length, true));
	}

	get smmu(): Smmu {
		return this.parent.iommu;
	}

	get reasons(): Reasons {
		return this.smmu.host.reasons;
	}

	destroy(): void {
		this.smmu.doorbells.delete(this.#poll);
		this.viommu.removeMappable(this.#page0.offset);
		this.smmu.freeVintf(this.vintf);
	}

	/** -EINVAL: not a stream ID; -ENOSPC: the interface replaces no more of them. */
	override addVdevice(device: IommuDevice, virtId: bigint): Ret {
		const slots = 2 ** this.cmdqv.log2Vsids;
		if (virtId > 0xffff_ffffn) return this.reasons.fail(tegraVdeviceChecks.tegraVirtId, virtId);
		if (this.#devices >= slots) return this.reasons.fail(tegraVdeviceChecks.tegraVsids, slots);
		const rc = super.addVdevice(device, virtId);
		if (rc === 0) this.#devices++;
		return rc;
	}

	override removeVdevice(device: IommuDevice): void {
		if (this.virtId(device) !== undefined) this.#devices--;
		super.removeVdevice(device);
	}

	hwQueueSupported(type: number): Ret {
		if (type === iommu_hw_queue_type.IOMMU_HW_QUEUE_TYPE_TEGRA241_CMDQV) return 0;
		return this.reasons.fail(tegraQueueTypeChecks.tegraQueueType, type);
	}

	/** -EINVAL, -EEXIST, -EIO, as the uAPI's rules for these queues say. */
	initHwQueue(core: HwQueueCore, index: number): HwQueueOps | Ret {
		const { reasons, smmu } = this;
		const count = 2 ** this.cmdqv.log2Vcmdqs;
		if (index >= count) return reasons.fail(tegraQueueChecks.tegraQueueIndex, index, count);
		if (this.#queues[index] !== undefined) return reasons.fail(tegraQueueChecks.tegraQueueTaken, index);
		const previous = index === 0 ? undefined : this.#queues[index - 1];
		if (index > 0 && previous === undefined) return reasons.fail(tegraQueueChecks.tegraQueueOrder, index, index - 1);
		const { length, iova, pa } = core;
		if ((length & (length - 1n)) !== 0n || length < MIN_LENGTH || length > 16n << BigInt(smmu.features.commandQueueBits))
			return reasons.fail(tegraQueueChecks.tegraQueueLength, length);
		if (pa % length !== 0n || pa >= MAX_PA) return reasons.fail(tegraQueueChecks.tegraQueueBase, iova, pa, length);
		previous?.core.hold(core);
		const queue = new VirtualCommandQueue(this, core, index, this.#page0.object);
		this.#queues[index] = queue;
		return {
			destroy: () => {
				this.#queues[index] = undefined;
				this.#written(index * LVCMDQ_STRIDE, LVCMDQ_STRIDE);
				previous?.core.letGo();
			},
		};
	}

	/** Executes a command of the guest's, with the interface's VMID and the stream ID replaced; why it is illegal, or undefined. */
	execute(command: SmmuCommand, queue: VirtualCommandQueue): string | undefined {
		const refused = refusedCommand(command);
		if (refused !== undefined) return refused;
		const { smmu } = this;
		const { sid } = command.fields;
		let own = command;
		if (sid !== undefined) {
			if (!smmu.ats) return "ATC_INV needs ATS in the SMMU and its root complex";
			const device = this.viommu.findDevice(sid);
			const stream = device && smmu.stream(device);
			if (stream === undefined) return `stream ID 0x${sid.toString(16)} is not that of a vDEVICE`;
			own = { ...command, fields: { ...command.fields, sid: BigInt(stream.wire) } };
		}
		smmu.atcFailed = () => queue.invalidationFailed();
		for (const each of smmuInvalidations(own, this.parent.vmid)) smmu.caches.invalidate(each);
		smmu.atcFailed = undefined;
		return undefined;
	}

	/** The guest wrote to the page: what are no registers of a queue stays zero, and queues go on. */
	#written(offset: number, count: number): void {
		const { object } = this.#page0;
		const end = Math.min(offset + count, VINTF_PAGE0_SIZE);
		for (let at = offset & ~3; at < end; at += 4) {
			const known = at % LVCMDQ_STRIDE < LVCMDQ_REGISTERS && this.#queues[Math.floor(at / LVCMDQ_STRIDE)] !== undefined;
			if (!known) object.set32(at, 0);
		}
		this.#run();
	}

	#run(): void {
		let failed = false;
		for (const queue of this.#queues) if (queue?.run()) failed = true;
		if (failed) this.viommu.report(iommu_veventq_type.IOMMU_VEVENTQ_TYPE_TEGRA241_CMDQV, EVENT.encode({ lvcmdq_err_map: this.#errors() }));
	}

	/** LVCMDQ_ERR_MAP: a bit for each queue with a pending error. */
	#errors(): [bigint, bigint] {
		const map: [bigint, bigint] = [0n, 0n];
		for (const queue of this.#queues) if (queue?.failed) map[queue.index >> 6] |= 1n << BigInt(queue.index & 63);
		return map;
	}
}
