/** `machine`: machines of the simulated kernel. */
import { resolve } from "node:path";
import type { Machine } from "../../../sim/index.js";
import type { Family, Invocation } from "../../frame/command.js";
import { done, type Outcome, UsageError } from "../../frame/exit.js";
import { defaultMachine } from "../../frame/kernel-choice.js";
import { table } from "../../frame/text.js";

/** The machine that is named; else the one that this command's kernel runs on. */
async function chosen({ args, common, context, io }: Invocation): Promise<Machine> {
	if (args[0] !== undefined && common.machine !== undefined)
		throw new UsageError("the machine is given twice, by position and by --machine", "give one of them");
	const { loadMachine, withUapi } = await import("../../../sim/index.js");
	if (args[0] !== undefined) return withUapi(await loadMachine(args[0], io.cwd), common.uapi ?? []);
	const { sim } = await context.handle();
	return sim?.hardware?.machine ?? (await loadMachine(common.machine ?? defaultMachine, io.cwd));
}

async function show(inv: Invocation): Promise<Outcome> {
	const { io, common, options } = inv;
	const machine = await chosen(inv);
	const draw = await import("../../../sim/index.js");
	const topology = draw.buildTopology(machine);
	const format = (options.format as string | undefined) ?? (common.json ? "json" : "tree");
	if (common.json && format !== "json") throw new UsageError(`--json and --format ${format} ask for different things`, "give one of them");
	if (format === "json") io.stdout.write(`${JSON.stringify(draw.machineJson(machine, topology))}\n`);
	else if (format === "mermaid") io.stdout.write(draw.drawMermaid(machine, topology));
	else if (format === "dot") io.stdout.write(draw.drawDot(machine, topology));
	else io.stdout.write(draw.drawTree(machine, topology));
	return done;
}

async function list({ io, common, out }: Invocation): Promise<Outcome> {
	const { BUILTIN_MACHINES, checkMachine } = await import("../../../sim/index.js");
	const machines = Object.values(BUILTIN_MACHINES).map((raw) => checkMachine(raw));
	if (common.json) {
		const rows = machines.map(({ name, about, arch, iommus, devices }) => ({
			name,
			about: about ?? null,
			arch,
			iommus: iommus.map((iommu) => ({ name: iommu.name, kind: iommu.kind })),
			devices: devices.length,
			default: name === defaultMachine,
		}));
		io.stdout.write(`${JSON.stringify({ schema: "iommuctl.machines", version: 1, machines: rows })}\n`);
		return done;
	}
	const rows = table(
		machines.map(({ name, about }) => [name, `${about ?? ""}${name === defaultMachine ? " (the default)" : ""}`]),
		io.stdout.columns,
	);
	io.stdout.write(`${rows.map((row) => row.replace(/^\S+/, (name) => out.name(name))).join("\n")}\n`);
	return done;
}

/** What GET_HW_INFO of this machine's devices answers. @throws EnvironmentError without FFI */
async function hwInfoHere(): Promise<ReadonlyMap<string, Uint8Array>> {
	const { openRealKernel } = await import("../../../kernel/real/index.js");
	const { hostAt } = await import("../../host/host.js");
	const { hwInfoByUnit } = await import("../../host/hw-info.js");
	const kernel = openRealKernel();
	const found = hwInfoByUnit(hostAt("/"), kernel);
	kernel.exit();
	return found;
}

/** The machine that we run on, as a machine file. */
async function probe({ io, common, err, options }: Invocation): Promise<Outcome> {
	const { hostAt } = await import("../../host/host.js");
	const { probedMachine } = await import("../../host/probed.js");
	const root = resolve(io.cwd, (options.root as string | undefined) ?? "/");
	if (options.bind === true && root !== "/") throw new UsageError("--bind asks this machine, and --root another", "give one of them");
	const hwInfo = options.bind === true ? await hwInfoHere() : undefined;
	const { machine, notes } = await probedMachine(hostAt(root), hwInfo);
	const { buildTopology, machineJson } = await import("../../../sim/index.js");
	for (const note of notes) io.stderr.write(`${err.note("note:")} ${note}\n`);
	const document = machineJson(machine, buildTopology(machine));
	io.stdout.write(`${JSON.stringify(document, null, common.json ? undefined : 2)}\n`);
	return done;
}

const family: Family = {
	name: "machine",
	details: [
		"The simulated kernel runs on a machine: PCI devices behind IOMMUs of every kind that is simulated. A machine is",
		"built in or a YAML file, and every command takes it as --machine NAME|FILE; `machine show NAME --format json` prints one",
		"as such a file.",
	].join("\n"),
	commands: [
		{
			name: "show",
			summary: "draw a machine: IOMMUs, buses, devices, groups and aliases",
			args: [
				{
					name: "MACHINE",
					value: "machine",
					doc: "a built-in machine or a file; if not given, the one of --machine or of the script",
					optional: true,
				},
			],
			options: () => [{ flags: "--format <form>", doc: "tree, mermaid, dot or json", choices: ["tree", "mermaid", "dot", "json"] }],
			groups: ["kernel"],
			isDefault: true,
			examples: [
				["machine show vtd", "the built-in VT-d machine as a tree"],
				["machine show mixed --format mermaid", "for a Markdown page"],
				["machine show smmuv3 --format json > mine.yaml", "a file to start from"],
			],
			run: show,
		},
		{
			name: "probe",
			summary: "describe the machine that this runs on as a machine file",
			details: [
				"Reads /sys: IOMMUs with their registers, bridges, PCI devices with their drivers, groups and reserved regions, and the kernel's",
				"options. The simulated kernel then answers as this machine's does, as far as it is described: --machine FILE. What sysfs",
				"does not tell is assumed, and said on stderr.",
			].join("\n"),
			options: () => [
				{ flags: "--root <folder>", value: "file", doc: "look below this folder instead of /" },
				{ flags: "--bind", doc: "bind a VFIO device behind each IOMMU and ask GET_HW_INFO too; the device is reset, one in use stays out" },
			],
			examples: [
				["machine probe > mine.yaml", ""],
				["machine probe --root ./copy", "a copy of another machine's /sys and /proc"],
			],
			run: probe,
		},
		{
			name: "list",
			summary: "the built-in machines",
			examples: [["machine list", ""]],
			run: list,
		},
	],
};
export default family;
