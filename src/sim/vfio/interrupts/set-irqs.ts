/** VFIO_DEVICE_SET_IRQS: eventfds for interrupts, masking, and interrupts that a program triggers itself. */
import { vfio_irq_set } from "../../../../structs/index.js";
import type { Ret } from "../../../kernel/kernel.js";
import type { UserArg } from "../../memory/user-arg.js";
import type { Caller } from "../../process/caller.js";
import type { HeldEvent } from "../../process/event-file.js";
import { readArg } from "../args.js";
import { eventfdArgChecks, setIrqsChecks } from "../checks/interrupts.js";
import { ERROR, INTX, type Interrupts } from "./interrupts.js";

const { size: MIN, offsets: at } = vfio_irq_set;
const DATA = 0x07;
const NONE = 1;
const BOOL = 2;
const EVENTFD = 4;
/** the bytes that each interrupt takes behind the struct */
const DATA_SIZE: Readonly<Record<number, number>> = { [NONE]: 0, [BOOL]: 1, [EVENTFD]: 4 };
const ACTIONS = 0x38;
const MASK = 0x08;
const UNMASK = 0x10;
const TRIGGER = 0x20;

/** A call whose arguments were looked at. */
interface IrqSet {
	readonly flags: number;
	readonly index: number;
	readonly start: number;
	readonly count: number;
	readonly data: number;
	readonly action: number;
	/** for interrupt `start + i`: whether its flag is set; with DATA_NONE that is so */
	flag(i: number): boolean;
	/** the descriptor for interrupt `start + i` */
	fd(i: number): number;
}

/** `vectors(index)`: how many interrupts of the kind the device has; undefined: there is no such kind. */
export function setIrqs(process: Caller, arg: UserArg, interrupts: Interrupts, vectors: (index: number) => number | undefined): Ret {
	const set = readSet(process, arg, vectors);
	if (typeof set === "number") return set;
	const { index, action, flags } = set;
	const { reasons } = process;
	if (index >= ERROR) {
		if (action !== TRIGGER) return reasons.fail(setIrqsChecks.noAction, flags, index);
		return single(process, set, interrupts);
	}
	if (action === TRIGGER) return index === INTX ? triggerIntx(process, set, interrupts) : triggerMessages(process, set, interrupts);
	if (index !== INTX || (action !== MASK && action !== UNMASK)) return reasons.fail(setIrqsChecks.noAction, flags, index);
	return maskIntx(process, set, interrupts);
}

function readSet(process: Caller, arg: UserArg, vectors: (index: number) => number | undefined): IrqSet | Ret {
	const { reasons } = process;
	const head = readArg(process, arg, MIN);
	if (typeof head === "number") return head;
	const field = (offset: number) => head.getUint32(offset, true);
	const [argsz, flags, index, start, count] = [field(at.argsz), field(at.flags), field(at.index), field(at.start), field(at.count)];
	if (argsz < MIN) return reasons.fail(setIrqsChecks.argsz, argsz, MIN);
	const known = vectors(index);
	if (known === undefined) return reasons.fail(setIrqsChecks.noIrq, index);
	const unknown = flags & ~(DATA | ACTIONS);
	if (unknown) return reasons.fail(setIrqsChecks.flags, flags, unknown >>> 0);
	if (count >= 0xffffffff - start) return reasons.fail(setIrqsChecks.countEnd, count, start);
	if (start >= known || start + count > known) return reasons.fail(setIrqsChecks.range, start, count, known, index);
	const data = flags & DATA;
	const size = DATA_SIZE[data];
	if (size === undefined) return reasons.fail(setIrqsChecks.dataType, flags);
	if (argsz - MIN < count * size) return reasons.fail(setIrqsChecks.dataEnd, argsz, count, MIN + count * size);
	const all = readArg(process, arg, MIN + count * size, setIrqsChecks.dataUnreadable);
	if (typeof all === "number") return all;
	return {
		flags,
		index,
		start,
		count,
		data,
		action: flags & ACTIONS,
		flag: (i) => data === NONE || (data === BOOL && all.getUint8(MIN + i) !== 0),
		fd: (i) => all.getInt32(MIN + i * 4, true),
	};
}

/** A hold on the eventfd, undefined for a negative descriptor, or minus the errno. */
export function eventOf(process: Caller, fd: number): HeldEvent | undefined | Ret {
	const { reasons } = process;
	if (fd < 0) return undefined;
	const file = process.file(fd);
	if (file === undefined) return reasons.fail(eventfdArgChecks.noFile, fd);
	return file.event?.hold() ?? reasons.fail(eventfdArgChecks.notEventfd, fd, file.kind);
}

function triggerIntx(process: Caller, { flags, index, count, data, flag, fd }: IrqSet, interrupts: Interrupts): Ret {
	const { reasons } = process;
	const { kind } = interrupts;
	if (kind === INTX && count === 0 && data === NONE) {
		interrupts.disable();
		return 0;
	}
	if (kind !== undefined && kind !== INTX) return reasons.fail(setIrqsChecks.otherKind, index, kind);
	if (count !== 1) return reasons.fail(setIrqsChecks.oneIntx, count);
	if (data === EVENTFD) {
		const event = eventOf(process, fd(0));
		if (typeof event === "number") return event;
		if (kind === undefined) interrupts.enable(INTX, 1);
		interrupts.connect(0, event);
		return 0;
	}
	if (kind === undefined) return reasons.fail(setIrqsChecks.notSetUp, flags, index);
	if (flag(0)) interrupts.trigger(INTX, 0);
	return 0;
}

function triggerMessages(process: Caller, set: IrqSet, interrupts: Interrupts): Ret {
	const { reasons } = process;
	const { flags, index, start, count, data, flag } = set;
	const { kind } = interrupts;
	if (kind === index && count === 0 && data === NONE) {
		interrupts.disable();
		return 0;
	}
	if (kind !== undefined && kind !== index) return reasons.fail(setIrqsChecks.otherKind, index, kind);
	if (data === EVENTFD) return connectAll(process, set, interrupts);
	if (kind === undefined) return reasons.fail(setIrqsChecks.notSetUp, flags, index);
	for (let i = 0; i < count; i++) if (flag(i)) interrupts.trigger(index, start + i);
	return 0;
}

/** The eventfds of a range of vectors. If one is wrong, those of this call before it are gone too. */
function connectAll(process: Caller, { index, start, count, fd }: IrqSet, interrupts: Interrupts): Ret {
	const fresh = interrupts.kind === undefined;
	if (fresh && start + count === 0) return process.reasons.fail(setIrqsChecks.noVectors);
	// Later vectors are of MSI-X: no simulated device has more than one of MSI.
	if (fresh) interrupts.enable(index, start + count);
	for (let i = 0; i < count; i++) {
		const event = eventOf(process, fd(i));
		if (typeof event !== "number") {
			interrupts.connect(start + i, event);
			continue;
		}
		for (let before = 0; before <= i; before++) interrupts.connect(start + before, undefined);
		if (fresh) interrupts.disable();
		return event;
	}
	return 0;
}

function maskIntx(process: Caller, { flags, index, count, data, action, flag, fd }: IrqSet, interrupts: Interrupts): Ret {
	const { reasons } = process;
	if (interrupts.kind !== INTX) return reasons.fail(setIrqsChecks.notSetUp, flags, index);
	if (count !== 1) return reasons.fail(setIrqsChecks.oneIntx, count);
	if (data === EVENTFD) {
		if (action === MASK) return reasons.fail(setIrqsChecks.noAction, flags, index);
		if (fd(0) >= 0 && interrupts.resamples) return reasons.fail(setIrqsChecks.resamples, fd(0));
		const event = eventOf(process, fd(0));
		if (typeof event === "number") return event;
		interrupts.unmaskOn(event);
		return 0;
	}
	if (!flag(0)) return 0;
	if (action === MASK) interrupts.mask();
	else interrupts.unmask();
	return 0;
}

/** The interrupts that tell of errors, and that the host wants the device back. */
function single(process: Caller, { flags, index, count, data, flag, fd }: IrqSet, interrupts: Interrupts): Ret {
	if (data === EVENTFD) {
		if (count !== 1) return process.reasons.fail(setIrqsChecks.oneIntx, count);
		const event = eventOf(process, fd(0));
		if (typeof event === "number") return event;
		interrupts.connectSingle(index, event);
		return 0;
	}
	if (data === NONE && interrupts.connected(index).length === 0) return process.reasons.fail(setIrqsChecks.notSetUp, flags, index);
	if (data === NONE && count === 0) interrupts.connectSingle(index, undefined);
	else if (flag(0)) interrupts.trigger(index, 0);
	return 0;
}
