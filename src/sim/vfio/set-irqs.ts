/** VFIO_DEVICE_SET_IRQS: what it says about its arguments. No interrupt can be set up, so nothing is there to mask. */
import { vfio_irq_set } from "../../../structs/index.js";
import { EFAULT, EINVAL, ENOTTY } from "../../kernel/errno.js";
import type { Ret } from "../../kernel/kernel.js";
import type { UserArg } from "../memory/user-arg.js";
import { readArg } from "./args.js";

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
export function setIrqs(arg: UserArg, vectors: (index: number) => number | undefined): Ret {
	const head = readArg(arg, MIN);
	if (head === undefined) return -EFAULT;
	const field = (offset: number) => head.getUint32(offset, true);
	const [argsz, flags, index, start, count] = [field(at.argsz), field(at.flags), field(at.index), field(at.start), field(at.count)];
	const known = vectors(index);
	if (argsz < MIN || known === undefined || flags & ~(DATA | ACTIONS) || count >= 0xffffffff - start) return -EINVAL;
	const size = DATA_SIZE[flags & DATA];
	if (start >= known || start + count > known || size === undefined || argsz - MIN < count * size) return -EINVAL;
	const action = flags & ACTIONS;
	const data = flags & DATA;
	if (action === TRIGGER) {
		if (data === NONE || (index === INTX && count !== 1)) return -EINVAL;
		if (data === BOOL) return index < FIRST_SINGLE ? -EINVAL : 0;
		return -ENOTTY;
	}
	return index === INTX && (action === MASK || action === UNMASK) ? -EINVAL : -ENOTTY;
}
