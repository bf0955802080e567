/** One iommufd ioctl under way. */

import { E2BIG } from "../../kernel/errno.js";
import type { Ret } from "../../kernel/kernel.js";
import { faultAt } from "../memory/fault.js";
import type { UserArg } from "../memory/user-arg.js";
import type { Caller } from "../process/caller.js";
import { hide, type Older, refuse } from "../uapi/older.js";
import type { Check, Values } from "../why/check.js";
import { dispatchChecks, respondChecks } from "./checks/dispatch.js";
import type { IommufdContext } from "./context.js";

/** Memory for the struct of one kind of call, reused by the next one: calls do not nest. */
export class Scratch {
	readonly bytes: Uint8Array;
	readonly view: DataView;

	constructor(size: number) {
		this.bytes = new Uint8Array(size);
		this.view = new DataView(this.bytes.buffer);
	}
}

/**
 * A call: the kernel's copy of the struct, which has the kernel's size, and the means to write it back.
 */
export class Command {
	/** the struct, zero beyond what the caller passed */
	readonly bytes: Uint8Array;
	readonly #view: DataView;

	constructor(
		readonly context: IommufdContext,
		readonly process: Caller,
		readonly arg: UserArg,
		/** size of the struct in bytes, from the caller */
		readonly userSize: number,
		scratch: Scratch,
		/** how an older kernel differs in this call */
		readonly older?: Older,
	) {
		this.bytes = scratch.bytes;
		this.#view = scratch.view;
	}

	/** A check fails. @returns minus its errno */
	fail<T extends string>(check: Check<T>, ...values: Values<T>): Ret {
		return this.context.system.reasons.fail(check, ...values);
	}

	/** What an ID names, in words. */
	named(id: number): () => string {
		const object = this.context.get(id);
		return () => (object === undefined ? "no object" : `${object}`);
	}

	/** The first bad page of the caller's memory, in words. */
	fault(addr: bigint, length: number, write: boolean): () => string {
		return faultAt(this.process.memory, addr, length, write);
	}

	/** size of the struct in bytes, as the kernel knows it */
	get #size(): number {
		return this.older?.size ?? this.bytes.length;
	}

	/**
	 * Copy the struct in: bytes that the caller left out are zero, bytes beyond the kernel's size must be.
	 * -EFAULT, -E2BIG; -EOPNOTSUPP for anything that an older kernel does not know.
	 */
	copyIn(): Ret {
		const { bytes, userSize, arg, older } = this;
		const size = this.#size;
		if (userSize > size) {
			const rest = arg.checkZero(size, userSize - size);
			if (rest < 0 && older?.growth !== undefined) older.note(older.growth);
			if (rest === -E2BIG) return this.fail(dispatchChecks.tailNotZero, userSize, size);
			if (rest < 0) return this.fail(dispatchChecks.tailUnreadable, userSize, arg.value, this.fault(arg.value, userSize, false));
		}
		const known = Math.min(userSize, size);
		if (known < bytes.length) bytes.fill(0, known);
		if (arg.read(0, known === bytes.length ? bytes : bytes.subarray(0, known)) < 0)
			return this.fail(dispatchChecks.structUnreadable, arg.value, this.fault(arg.value, known, false));
		return older === undefined ? 0 : refuse(older, older.refused, this.#view, this.context.system.reasons);
	}

	/** -EOPNOTSUPP for flags that an older kernel does not know, but refuses only once the objects are found. */
	lateFlags(): Ret {
		const { older } = this;
		return older === undefined ? 0 : refuse(older, older.lateFlags, this.#view, this.context.system.reasons);
	}

	/** The same for types of a driver's data, which are looked at last. */
	lateTypes(): Ret {
		const { older } = this;
		return older === undefined ? 0 : refuse(older, older.lateTypes, this.#view, this.context.system.reasons);
	}

	u16(offset: number): number {
		return this.#view.getUint16(offset, true);
	}

	u32(offset: number): number {
		return this.#view.getUint32(offset, true);
	}

	s32(offset: number): number {
		return this.#view.getInt32(offset, true);
	}

	u64(offset: number): bigint {
		return this.#view.getBigUint64(offset, true);
	}

	setU8(offset: number, value: number): void {
		this.bytes[offset] = value;
	}

	setU32(offset: number, value: number): void {
		this.#view.setUint32(offset, value, true);
	}

	setU64(offset: number, value: bigint): void {
		this.#view.setBigUint64(offset, value, true);
	}

	/** Write the struct back, at most as much as the caller's size. 0 or -EFAULT. */
	respond(): Ret {
		const { bytes, older } = this;
		if (older !== undefined) hide(older, this.#view);
		const known = Math.min(this.userSize, this.#size);
		const { arg } = this;
		if (arg.write(0, known < bytes.length ? bytes.subarray(0, known) : bytes) >= 0) return 0;
		return this.fail(respondChecks.structNotWritable, arg.value, this.fault(arg.value, known, true));
	}
}
