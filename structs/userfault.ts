/** Calls on the file of userfaultfd(2), by which a program serves faults of its own memory. They are not part of iommufd. */
import { ptr, s64, struct, u64 } from "./dsl.js";
import type { Ioctl } from "./ioctls.js";
import type { StructType } from "./struct-type.js";

const start = ptr.note("address of the range");
const len = u64.as("len").note("bytes of the range");

export const uffdio_api = struct(
	"uffdio_api",
	{
		api: u64.note("0xaa"),
		features: u64.inout().note("those that the program wants; comes back as all that there are"),
		ioctls: u64.out().note("the ioctls of the file, a bit each"),
	},
	"agree on the version; first of all calls",
);

export const uffdio_range = struct("uffdio_range", { start, len }, "a range of the program's memory");

export const uffdio_register = struct(
	"uffdio_register",
	{ start, len, mode: u64.note("1: faults of missing pages"), ioctls: u64.out().note("the ioctls that the range has, a bit each") },
	"wait for faults in a range until they are served",
);

export const uffdio_copy = struct(
	"uffdio_copy",
	{
		dst: ptr.note("address of the missing pages"),
		src: ptr.note("address of their contents"),
		len: u64.as("len").note("bytes, whole pages"),
		mode: u64.note("1: whoever waits is not woken"),
		copy: s64.out().note("bytes that were copied, or minus an errno"),
	},
	"serve missing pages with contents",
);

export const uffdio_zeropage = struct(
	"uffdio_zeropage",
	{ start, len, mode: u64.note("1: whoever waits is not woken"), zeropage: s64.out().note("bytes that were served, or minus an errno") },
	"serve missing pages with zeroes",
);

/** Of UFFDIO_API: the version. */
export const UFFD_API = 0xaan;
/** Of UFFDIO_REGISTER. */
export const UFFDIO_REGISTER_MODE_MISSING = 1n;

const call = (name: string, request: number, struct: unknown): Ioctl => {
	const type = struct as StructType;
	return Object.freeze({ name, request, nr: request & 0xff, struct: type, size: type.size, minSize: type.size });
};

/** By name. */
export const userfaultCalls = Object.freeze({
	UFFDIO_API: call("UFFDIO_API", 0xc018aa3f, uffdio_api),
	UFFDIO_REGISTER: call("UFFDIO_REGISTER", 0xc020aa00, uffdio_register),
	UFFDIO_UNREGISTER: call("UFFDIO_UNREGISTER", 0x8010aa01, uffdio_range),
	UFFDIO_WAKE: call("UFFDIO_WAKE", 0x8010aa02, uffdio_range),
	UFFDIO_COPY: call("UFFDIO_COPY", 0xc028aa03, uffdio_copy),
	UFFDIO_ZEROPAGE: call("UFFDIO_ZEROPAGE", 0xc020aa04, uffdio_zeropage),
});
