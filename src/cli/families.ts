import type { Family } from "./command.js";

export interface FamilyEntry {
	readonly name: string;
	readonly summary: string;
	load(): Promise<Family>;
}

/** Every object of the command line. Only the one that is named gets loaded. */
export const families: readonly FamilyEntry[] = [
	{ name: "device", summary: "devices: list, bind, attach, detach, hardware info", load: async () => (await import("./commands/device.js")).default },
	{ name: "ioas", summary: "I/O address spaces: map, copy, unmap, ranges", load: async () => (await import("./commands/ioas.js")).default },
	{ name: "option", summary: "options of a context or an object", load: async () => (await import("./commands/option.js")).default },
	{ name: "vfio", summary: "the VFIO type 1 calls that /dev/iommu answers too", load: async () => (await import("./commands/vfio.js")).default },
	{ name: "hwpt", summary: "page tables: allocate, invalidate, dirty tracking", load: async () => (await import("./commands/hwpt.js")).default },
	{ name: "fault", summary: "fault queues: page faults and responses", load: async () => (await import("./commands/fault.js")).default },
	{ name: "viommu", summary: "virtual IOMMUs", load: async () => (await import("./commands/viommu.js")).viommu },
	{ name: "vdevice", summary: "virtual devices", load: async () => (await import("./commands/viommu.js")).vdevice },
	{ name: "veventq", summary: "virtual event queues", load: async () => (await import("./commands/veventq.js")).default },
	{ name: "hw-queue", summary: "hardware queues of a virtual IOMMU", load: async () => (await import("./commands/viommu.js")).hwQueue },
	{ name: "destroy", summary: "destroy an object by its ID", load: async () => (await import("./commands/destroy.js")).default },
	{ name: "raw", summary: "any request number with any bytes", load: async () => (await import("./commands/raw.js")).default },
	{ name: "struct", summary: "the uAPI's structs: list, show, encode, decode", load: async () => (await import("./commands/struct.js")).default },
	{ name: "mem", summary: "the program's memory: allocate, read, write, free", load: async () => (await import("./commands/mem.js")).default },
	{ name: "file", summary: "system calls on any file: open, close, read, write, poll", load: async () => (await import("./commands/file.js")).default },
	{ name: "selftest", summary: "the selftest driver's mock device and its test commands", load: async () => (await import("./commands/selftest.js")).default },
	{ name: "kernel", summary: "which kernel answers, what it supports, its log", load: async () => (await import("./commands/kernel.js")).default },
	{ name: "run", summary: "run a script, one command a line, in one context", load: async () => (await import("./commands/run.js")).default },
	{ name: "replay", summary: "replay recorded traces and compare every answer", load: async () => (await import("./commands/replay.js")).default },
];

export function familyEntry(name: string): FamilyEntry | undefined {
	return families.find((entry) => entry.name === name);
}
