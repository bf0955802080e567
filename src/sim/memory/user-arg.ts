import type { IoctlArg, Ret } from "../../kernel/kernel.js";
import type { AddressSpace } from "./address-space.js";

/** Where an ioctl's argument is in the caller's memory, as the kernel sees it. */
export interface UserArg {
	/** Copy `into.length` bytes from `offset`. 0 or -EFAULT. */
	read(offset: number, into: Uint8Array): Ret;
	write(offset: number, from: Uint8Array): Ret;
	/** the bare value: an address or an integer */
	readonly value: bigint;
}

/**
 * What lies behind the bytes that the program placed: small ones stand right beside other data of
 * its, larger ones are followed by zeroes for a while (so it was when the traces were recorded).
 */
const SMALL = 24;
const ZEROES = 4096;

/** Bytes that the program placed "anywhere". */
class PlacedArg implements UserArg {
	constructor(readonly bytes: Uint8Array) {}

	get value(): bigint {
		return 0x7ffe00000000n;
	}

	read(offset: number, into: Uint8Array): Ret {
		const { bytes } = this;
		const zeroes = bytes.length > SMALL ? ZEROES : bytes.length;
		for (let i = 0; i < into.length; i++)
			into[i] = bytes[offset + i] ?? (offset + i < zeroes ? 0 : 0xff);
		return 0;
	}

	write(offset: number, from: Uint8Array): Ret {
		const { bytes } = this;
		const count = Math.min(from.length, bytes.length - offset);
		for (let i = 0; i < count; i++) bytes[offset + i] = from[i];
		return 0;
	}
}

class AddressArg implements UserArg {
	constructor(
		readonly memory: AddressSpace,
		readonly value: bigint,
	) {}

	read(offset: number, into: Uint8Array): Ret {
		return this.memory.read(this.value + BigInt(offset), into);
	}

	write(offset: number, from: Uint8Array): Ret {
		return this.memory.write(this.value + BigInt(offset), from);
	}
}

export function userArg(memory: AddressSpace, arg: IoctlArg): UserArg {
	return typeof arg === "bigint"
		? new AddressArg(memory, BigInt.asUintN(64, arg))
		: new PlacedArg(arg);
}
