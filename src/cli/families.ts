/** Every object of the command line, in the order of the help. Only the one that is named gets loaded. */
import type { FamilyEntry } from "./frame/command.js";

export const families: readonly FamilyEntry[] = [
	...group("The uAPI of /dev/iommu:", [
		entry("ioas", "I/O address spaces: map, copy, unmap, ranges", async () => (await import("./commands/uapi/ioas.js")).default),
		entry("option", "options of a context or an object", async () => (await import("./commands/uapi/option.js")).default),
		entry("hwpt", "page tables: allocate, invalidate, dirty tracking", async () => (await import("./commands/uapi/hwpt.js")).default),
		entry("fault", "fault queues: page faults and responses", async () => (await import("./commands/uapi/fault.js")).default),
		entry("viommu", "virtual IOMMUs", async () => (await import("./commands/uapi/viommu.js")).viommu),
		entry("vdevice", "virtual devices", async () => (await import("./commands/uapi/viommu.js")).vdevice),
		entry("veventq", "virtual event queues", async () => (await import("./commands/uapi/veventq.js")).default),
		entry("hw-queue", "hardware queues of a virtual IOMMU", async () => (await import("./commands/uapi/viommu.js")).hwQueue),
		entry("destroy", "destroy an object by its ID", async () => (await import("./commands/uapi/destroy.js")).default),
		entry("call", "any call by its name: its struct's fields are options", async () =>
			(await import("./commands/uapi/call.js")).callFamily(),
		),
		entry("raw", "any request number with any bytes", async () => (await import("./commands/uapi/raw.js")).default),
		entry("struct", "the uAPI's structs: list, show, encode, decode", async () => (await import("./commands/uapi/struct.js")).default),
	]),
	...group("Hardware and VFIO:", [
		entry("device", "devices: list, bind, attach, detach, hardware info", async () => (await import("./commands/uapi/device.js")).default),
		entry("vfio", "the VFIO type 1 calls that /dev/iommu answers too", async () => (await import("./commands/uapi/vfio.js")).default),
		entry(
			"machine",
			"the simulated machine: IOMMUs, buses, devices, groups",
			async () => (await import("./commands/sim/machine.js")).default,
		),
		entry(
			"sim",
			"simulated hardware: DMA, caches, page requests, events, failures",
			async () => (await import("./commands/sim/sim.js")).default,
		),
		entry(
			"selftest",
			"the selftest driver's mock device and its test commands",
			async () => (await import("./commands/uapi/selftest.js")).default,
		),
	]),
	...group("Scripts and traces:", [
		entry("run", "run a script, one command per line, in one context", async () => (await import("./commands/tools/run.js")).default),
		entry("exec", "run a program that is not ours on the simulated kernel", async () => (await import("./commands/tools/exec.js")).default),
		entry(
			"record",
			"run a program that is not ours on this machine's kernel and record its calls",
			async () => (await import("./commands/tools/record.js")).default,
		),
		entry("session", "keep a kernel open from one command to the next", async () => (await import("./commands/tools/session.js")).default),
		entry(
			"mem",
			"the program's memory: allocate, read, write, protect, move, free",
			async () => (await import("./commands/uapi/mem.js")).default,
		),
		entry(
			"file",
			"system calls on any file: open, close, read, write, poll",
			async () => (await import("./commands/uapi/file.js")).default,
		),
		entry("check", "compare two numbers, for scripts", async () => (await import("./commands/tools/check.js")).default),
		entry(
			"replay",
			"replay recorded traces and compare every answer",
			async () => (await import("./commands/tools/replay/command.js")).default,
		),
		entry("report", "reports of shards, merged into one", async () => (await import("./commands/tools/report/command.js")).default),
		entry("trace", "traces: show, diff, minimize, export, import", async () => (await import("./commands/tools/trace.js")).default),
		entry(
			"compare",
			"run a trace on two kernels and show where they differ",
			async () => (await import("./commands/tools/compare.js")).default,
		),
		entry(
			"fuzz",
			"random programs on two kernels until they answer differently",
			async () => (await import("./commands/tools/fuzz/command.js")).default,
		),
		entry(
			"fail-nth",
			"run a script with its nth allocation failing, for every n",
			async () => (await import("./commands/tools/fail-nth/command.js")).default,
		),
		entry(
			"litmus",
			"race calls: the outcomes that some order allows, and those of a real kernel",
			async () => (await import("./commands/tools/litmus/command.js")).default,
		),
	]),
	...group("Tools:", [
		entry("kernel", "which kernel answers, what it supports, its log", async () => (await import("./commands/tools/kernel.js")).default),
		entry("graph", "the objects of the context as a tree", async () => (await import("./commands/tools/graph/command.js")).default),
		entry(
			"doctor",
			"what works in this environment, what does not, and how to fix it",
			async () => (await import("./commands/tools/doctor/command.js")).default,
		),
		entry(
			"contract",
			"what a call checks, in the order in which the kernel does",
			async () => (await import("./commands/tools/contract.js")).default,
		),
		entry(
			"completion",
			"shell completion for bash, zsh and fish",
			async () => (await import("./commands/tools/completion/command.js")).default,
		),
	]),
	...group("Proposals that never became uAPI:", [
		entry(
			"vsva",
			"guests' PASID tables and invalidation queues, page responses as proposed in 2017",
			async () => (await import("./commands/sim/vsva/command.js")).default,
		),
		entry("virq", "virtual event queues by the names proposed in 2024", async () => (await import("./commands/sim/virq.js")).default),
	]),
];

type Entry = Omit<FamilyEntry, "group">;

function entry(name: string, summary: string, load: FamilyEntry["load"]): Entry {
	return { name, summary, load };
}

function group(heading: string, entries: readonly Entry[]): FamilyEntry[] {
	return entries.map((one) => ({ ...one, group: heading }));
}
