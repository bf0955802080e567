/** VFIO_DEVICE_SET_IRQS: what it says about its arguments. No interrupt can be set up, so nothing is there to mask. */
import { vfio_irq_set } from "../../../structs/index.js";
import type { Ret } from "../../kernel/kernel.js";
import type { UserArg } from "../memory/user-arg.js";
import type { Caller } from "../process/caller.js";
import { readArg } from "./args.js";
import { setIrqsChecks } from "./checks/device.js";

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
/** the index of the legacy interrupt, and the first of those that stand for themselves (error, request) */
const INTX = 0;
const FIRST_SINGLE = 3;

/** `vectors(index)`: how many interrupts of the kind the device has; undefined: there is no such kind. */
export function setIrqs(process: Caller, arg: UserArg, vectors: (index: number) => number | undefined): Ret {
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
	const size = DATA_SIZE[flags & DATA];
	if (size === undefined) return reasons.fail(setIrqsChecks.dataType, flags);
	if (argsz - MIN < count * size) return reasons.fail(setIrqsChecks.dataEnd, argsz, count, MIN + count * size);
	const action = flags & ACTIONS;
	const data = flags & DATA;
	const notSetUp = () => reasons.fail(setIrqsChecks.notSetUp, index);
	const noAction = () => reasons.fail(setIrqsChecks.noAction, flags, index);
	if (action === TRIGGER) {
		if (data === NONE || (index === INTX && count !== 1)) return notSetUp();
		if (data === BOOL) return index < FIRST_SINGLE ? notSetUp() : 0;
		return noAction();
	}
	return index === INTX && (action === MASK || action === UNMASK) ? notSetUp() : noAction();
}
