/** What all programs on one thread share: their calls do not overlap, so one block of arguments and one arena suffice. */
import { Arena } from "./arena.js";
import { type FfiLoader, loadFfi } from "./ffi.js";
import { type Ioctl, makeIoctl } from "./ioctl.js";
import { Libc } from "./libc.js";
import { Transfer } from "./transfer.js";
import { UserMemory } from "./user-memory.js";

export interface System {
	readonly libc: Libc;
	readonly arena: Arena;
	readonly ioctl: Ioctl;
	readonly transfer: Transfer;
	readonly user: UserMemory;
}

let usual: System | undefined;

/** @throws EnvironmentError */
export function system(): System {
	usual ??= startSystem();
	return usual;
}

/** @throws EnvironmentError */
export function startSystem(load?: FfiLoader): System {
	const libc = new Libc(loadFfi(load));
	const arena = new Arena(libc);
	return { libc, arena, ioctl: makeIoctl(libc, arena), transfer: new Transfer(libc, arena), user: new UserMemory(libc, arena) };
}
