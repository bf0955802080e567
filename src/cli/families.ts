export interface FamilyEntry {
	readonly name: string;
	readonly summary: string;
}

/** Every object of the command line, in the order of the help. What they can do is loaded when one is named. */
export const families: readonly FamilyEntry[] = [
	{ name: "device", summary: "devices: list, bind, attach, detach, hardware info" },
	{ name: "ioas", summary: "I/O address spaces: map, copy, unmap, ranges" },
	{ name: "option", summary: "options of a context or an object" },
	{ name: "vfio", summary: "the VFIO type 1 calls that /dev/iommu answers too" },
	{ name: "hwpt", summary: "page tables: allocate, invalidate, dirty tracking" },
	{ name: "fault", summary: "fault queues: page faults and responses" },
	{ name: "viommu", summary: "virtual IOMMUs" },
	{ name: "vdevice", summary: "virtual devices" },
	{ name: "veventq", summary: "virtual event queues" },
	{ name: "hw-queue", summary: "hardware queues of a virtual IOMMU" },
	{ name: "destroy", summary: "destroy an object by its ID" },
	{ name: "raw", summary: "any request number with any bytes" },
	{ name: "struct", summary: "the uAPI's structs: list, show, encode, decode" },
	{ name: "mem", summary: "the program's memory: allocate, read, write, free" },
	{ name: "file", summary: "system calls on any file: open, close, read, write, poll" },
	{ name: "selftest", summary: "the selftest driver's mock device and its test commands" },
	{ name: "kernel", summary: "which kernel answers, what it supports, its log" },
	{ name: "run", summary: "run a script, one command a line, in one context" },
	{ name: "replay", summary: "replay recorded traces and compare every answer" },
	{ name: "trace", summary: "traces: show, diff, minimize, export, import" },
	{ name: "compare", summary: "run a trace on two kernels and show where they differ" },
];

export const familyEntry = (name: string): FamilyEntry | undefined => families.find((entry) => entry.name === name);
