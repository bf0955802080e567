/** VFIO_DEVICE_FEATURE of a PCI function: low power, a physical function's token, DMA-bufs of its BARs. */
import type { Ret } from "../../kernel/kernel.js";
import { faultAt } from "../memory/fault.js";
import type { UserArg } from "../memory/user-arg.js";
import type { Caller } from "../process/caller.js";
import type { HeldEvent } from "../process/event-file.js";
import { readArg } from "./args.js";
import { dmaBufChecks, featureChecks, lowPowerChecks, vfTokenChecks } from "./checks/features.js";
import { eventOf } from "./interrupts/set-irqs.js";
import type { BarDmabufFile, BarRange } from "./regions/dmabuf.js";
import type { VfToken } from "./token.js";

/** flags: the feature's number, and what is done with it */
const FEATURE = 0xffff;
const GET = 1 << 16;
const SET = 1 << 17;
const PROBE = 1 << 18;
/** bytes of argsz and flags */
const HEAD = 8;

const VF_TOKEN = 0;
const LOW_POWER_ENTRY = 3;
const LOW_POWER_ENTRY_WITH_WAKEUP = 4;
const LOW_POWER_EXIT = 5;
const DMA_BUF = 11;
/** VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2 */
const PRECOPY_INFO = 12;

/** struct vfio_device_feature_dma_buf: region_index, open_flags, flags, nr_ranges, and then ranges of 16 bytes */
const DMA_BUF_SIZE = 16;
const RANGE_SIZE = 16;
/** Ranges that a call can have, so that its copy stays small. */
const MOST_RANGES = 65536;

/** What of a device its features act on. */
export interface FeatureTarget {
	readonly node: string;
	readonly power: LowPower;
	/** of a physical function */
	readonly token: VfToken | undefined;
	/** pages of a BAR: 0 where there is no memory BAR with this index */
	barSize(index: number): number;
	exportBar(index: number, ranges: readonly BarRange[], flags: number): BarDmabufFile;
}

/** Whether the program has allowed its device low power. */
export class LowPower {
	#wakeup: HeldEvent | undefined;
	#allowed = false;

	get allowed(): boolean {
		return this.#allowed;
	}

	/** Its BARs may be out of reach; simulated devices never sleep by themselves. `wakeup` hears of `wake`. */
	allow(wakeup: HeldEvent | undefined): void {
		this.#allowed = true;
		this.#wakeup = wakeup;
	}

	/** The device wakes up, if it was to be told of: false if nobody was. */
	wake(): boolean {
		if (this.#wakeup === undefined) return false;
		this.#wakeup.signal(1n);
		this.end();
		return true;
	}

	end(): void {
		this.#allowed = false;
		this.#wakeup?.release();
		this.#wakeup = undefined;
	}
}

type Handler = (target: FeatureTarget, process: Caller, arg: UserArg, argsz: number) => Ret;

interface Feature {
	readonly ops: number;
	/** bytes behind the head */
	readonly size: number;
	/** whether the device has it; absent: every PCI function */
	has?(target: FeatureTarget): boolean;
	readonly run: Handler;
}

const FEATURES: Readonly<Record<number, Feature>> = {
	[VF_TOKEN]: { ops: SET, size: 16, has: ({ token }) => token !== undefined, run: setVfToken },
	[LOW_POWER_ENTRY]: { ops: SET, size: 0, run: enterLowPower },
	[LOW_POWER_ENTRY_WITH_WAKEUP]: { ops: SET, size: 8, run: enterWithWakeup },
	[LOW_POWER_EXIT]: {
		ops: SET,
		size: 0,
		run: ({ power }) => {
			power.end();
			return 0;
		},
	},
	[DMA_BUF]: { ops: GET, size: DMA_BUF_SIZE, run: exportDmaBuf },
};

export function feature(target: FeatureTarget, process: Caller, arg: UserArg): Ret {
	const { reasons } = process;
	const head = readArg(process, arg, HEAD);
	if (typeof head === "number") return head;
	const argsz = head.getUint32(0, true);
	const flags = head.getUint32(4, true);
	if (argsz < HEAD) return reasons.fail(featureChecks.argsz, argsz, HEAD);
	const unknown = flags & ~(FEATURE | GET | SET | PROBE);
	if (unknown) return reasons.fail(featureChecks.flags, flags, unknown >>> 0);
	const asked = flags & (GET | SET);
	if (!(flags & PROBE) && asked === (GET | SET)) return reasons.fail(featureChecks.getAndSet, flags);
	const number = flags & FEATURE;
	const found = FEATURES[number];
	if (number === PRECOPY_INFO) return reasons.fail(featureChecks.noMigration, target.node);
	if (found === undefined || found.has?.(target) === false) return reasons.fail(featureChecks.noFeature, target.node, number);
	if (asked & ~found.ops) return reasons.fail(featureChecks.noOperation, flags, number);
	if (flags & PROBE) return 0;
	if (asked === 0) return reasons.fail(featureChecks.nothingAsked, flags);
	if (argsz - HEAD < found.size) return reasons.fail(featureChecks.dataSize, argsz, number, HEAD + found.size);
	return found.run(target, process, arg, argsz);
}

function setVfToken({ node, token }: FeatureTarget, process: Caller, arg: UserArg): Ret {
	const { reasons, memory } = process;
	const uuid = new Uint8Array(16);
	const addr = arg.value + BigInt(HEAD);
	if (arg.read(HEAD, uuid) < 0) return reasons.fail(vfTokenChecks.uuidUnreadable, addr, faultAt(memory, addr, uuid.length, false));
	return token?.set(uuid) ? 0 : reasons.fail(vfTokenChecks.vfsOpen, node);
}

function enterLowPower({ node, power }: FeatureTarget, { reasons }: Caller): Ret {
	if (power.allowed) return reasons.fail(lowPowerChecks.lowPowerAlready, node);
	power.allow(undefined);
	return 0;
}

function enterWithWakeup({ node, power }: FeatureTarget, process: Caller, arg: UserArg): Ret {
	const { reasons } = process;
	const view = readArg(process, arg, HEAD + 8, lowPowerChecks.wakeupUnreadable);
	if (typeof view === "number") return view;
	const fd = view.getInt32(HEAD, true);
	if (fd < 0) return reasons.fail(lowPowerChecks.wakeupNegative, fd);
	const event = eventOf(process, fd);
	if (typeof event === "number") return event;
	if (power.allowed) {
		event?.release();
		return reasons.fail(lowPowerChecks.lowPowerAlready, node);
	}
	power.allow(event);
	return 0;
}

/** DMA_BUF: the descriptor of a file that stands for ranges of a BAR. */
function exportDmaBuf(target: FeatureTarget, process: Caller, arg: UserArg): Ret {
	const { reasons } = process;
	const head = readArg(process, arg, HEAD + DMA_BUF_SIZE, dmaBufChecks.dmaBufUnreadable);
	if (typeof head === "number") return head;
	const field = (offset: number) => head.getUint32(HEAD + offset, true);
	const [index, openFlags, flags, count] = [field(0), field(4), field(8), field(12)];
	if (count === 0) return reasons.fail(dmaBufChecks.noRanges);
	if (flags !== 0) return reasons.fail(dmaBufChecks.dmaBufFlags, flags);
	const size = target.barSize(index);
	if (size === 0) return reasons.fail(dmaBufChecks.noBar, index, target.node);
	if (count > MOST_RANGES) return reasons.fail(dmaBufChecks.tooManyRanges, count);
	const all = readArg(process, arg, HEAD + DMA_BUF_SIZE + count * RANGE_SIZE, dmaBufChecks.dmaBufUnreadable);
	if (typeof all === "number") return all;
	const ranges: BarRange[] = [];
	for (let i = 0; i < count; i++) {
		const at = HEAD + DMA_BUF_SIZE + i * RANGE_SIZE;
		const range = { offset: all.getBigUint64(at, true), length: all.getBigUint64(at + 8, true) };
		const { offset, length } = range;
		if (((offset | length) & 0xfffn) !== 0n || length === 0n) return reasons.fail(dmaBufChecks.rangeAlignment, i, offset, length);
		if (offset + length > BigInt(size)) return reasons.fail(dmaBufChecks.rangeEnd, i, length, offset, BigInt(size));
		ranges.push(range);
	}
	const fd = process.reserveFd();
	return fd < 0 ? fd : process.install(target.exportBar(index, ranges, openFlags));
}
