/** The ioctl call, on the critical path of everything: a closure over constants, which the compiler can optimize. */
import { ENOMEM } from "../errno.js";
import type { IoctlArg, Ret } from "../kernel.js";
import { ARG, ARG_ROOM, type Arena, DATA, DATA_ROOM } from "./arena.js";
import { type Libc, RESULT_WORD } from "./libc.js";

/** Structs up to this length have a prepared view; a call with a short length is assumed not to write beyond it. */
const SMALL = 256;

export type Ioctl = (fd: number, request: number, arg: IoctlArg) => Ret;

/**
 * Bytes are always placed in the arena, never passed in place: for a struct shorter than the kernel thinks, it would
 * overwrite Node's memory, and the garbage collector may move or free memory that looks unused.
 */
export function makeIoctl(libc: Libc, arena: Arena): Ioctl {
	const { ffiCall, words, args, errno } = libc;
	// The bindings check for this kind of array first.
	const [cif, fn, result, pointers] = [libc.prepared.ioctl.cif, libc.prepared.ioctl.fn, libc.result, libc.pointers].map(asInt8Array);
	const { buffer, byteOffset } = arena.bytes;
	const place = new Uint8Array(buffer, byteOffset + ARG, ARG_ROOM);
	const placeLanes = new BigInt64Array(buffer, byteOffset + ARG, SMALL / 8);
	const placeSize = new Uint32Array(buffer, byteOffset + ARG, 1);
	/** `views[n]` is the first n bytes */
	const views = Array.from({ length: SMALL + 1 }, (_, length) => place.subarray(0, length));
	const addressLow = Number(BigInt.asIntN(32, arena.address + BigInt(ARG)));
	const addressHigh = Number((arena.address + BigInt(ARG)) >> 32n);

	/** the end of the bytes that an earlier call may have left */
	let stale = 0;
	/** the array of the last call and, from its second use on, its 64-bit view: in a loop it is often the same array */
	let last: Uint8Array | undefined;
	let lanes: BigInt64Array | undefined;

	function call(fd: number, request: number): Ret {
		words[0] = fd;
		words[1] = fd >> 31;
		words[2] = request;
		words[3] = 0;
		ffiCall(cif, fn, result, pointers);
		const error = errno[0];
		const value = words[RESULT_WORD];
		return value === -1 ? -error : value;
	}

	/** Once the bytes are in place: clears what follows, so that nothing of an earlier, longer struct remains. */
	function callPlaced(fd: number, request: number, length: number): Ret {
		if (stale > length) place.fill(0, length, stale);
		const size = placeSize[0];
		// The kernel may write up to the size given in the struct, or further if the request is meant for another struct.
		stale = size === length && length >= 8 ? length : size > length ? ARG_ROOM : Math.max(length, SMALL);
		words[4] = addressLow;
		words[5] = addressHigh;
		const ret = call(fd, request);
		if (size > ARG_ROOM) arena.guard();
		return ret;
	}

	/** More bytes than a page: as for short ones, zeroes follow up to the page's end, then 0xff. */
	function big(fd: number, request: number, arg: Uint8Array): Ret {
		const end = Math.ceil(arg.length / ARG_ROOM) * ARG_ROOM;
		if (end + ARG_ROOM > DATA_ROOM || !arena.reserve(end + ARG_ROOM)) return -ENOMEM;
		arena.bytes.set(arg, DATA);
		arena.bytes.fill(0, DATA + arg.length, DATA + end).fill(0xff, DATA + end, DATA + end + ARG_ROOM);
		args[2] = arena.address + BigInt(DATA);
		const ret = call(fd, request);
		arg.set(arena.bytes.subarray(DATA, DATA + arg.length));
		arena.trim();
		return ret;
	}

	return (fd, request, arg) => {
		if (typeof arg === "bigint") {
			args[2] = arg;
			return call(fd, request);
		}
		const { length } = arg;
		if (arg === last && lanes !== undefined && lanes.length * 8 === length) {
			const count = lanes.length;
			for (let i = 0; i < count; i++) placeLanes[i] = lanes[i];
			const ret = callPlaced(fd, request, length);
			for (let i = 0; i < count; i++) lanes[i] = placeLanes[i];
			return ret;
		}
		if (length > ARG_ROOM) return big(fd, request, arg);
		lanes = arg === last ? lanesOf(arg) : undefined;
		last = length <= SMALL ? arg : undefined;
		place.set(arg);
		const ret = callPlaced(fd, request, length);
		// Also after a failure: some calls return how far they came.
		arg.set(length <= SMALL ? views[length] : place.subarray(0, length));
		return ret;
	};
}

function lanesOf(arg: Uint8Array): BigInt64Array | undefined {
	return arg.length % 8 === 0 && arg.byteOffset % 8 === 0 ? new BigInt64Array(arg.buffer, arg.byteOffset, arg.length / 8) : undefined;
}

function asInt8Array(bytes: Uint8Array): Int8Array {
	return new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
