/** `record`: runs a program on this machine's kernel and writes its calls of iommufd and VFIO as a trace. */
import { existsSync, rmSync } from "node:fs";
import { constants, release } from "node:os";
import { basename, resolve } from "node:path";
import { CURRENT_RELEASE, RELEASES } from "../../../../structs/release.js";
import { errnoName } from "../../../kernel/errno.js";
import type { Ended } from "../../../record/index.js";
import type { Family, Invocation } from "../../frame/command.js";
import { done, exitCode, type Outcome, UsageError } from "../../frame/exit.js";
import { plural } from "../../frame/text.js";

/** How env(1) and shells say that a program is not there, or cannot be executed. */
const NOT_FOUND = 127;
const NOT_RUNNABLE = 126;
const ENOENT = 2;

/** The files that belong to iommufd and VFIO. */
const PATHS = ["/dev/iommu", "/dev/vfio/*"];

async function run({ args, options, io, err }: Invocation): Promise<Outcome> {
	const [file, program, ...rest] = args;
	if (!program) throw new UsageError("no program is given", "iommuctl record FILE -- PROGRAM ARGS");
	if (file === "-") throw new UsageError("the trace cannot go to stdout, which is the program's", "name a file");
	const { recordProgram } = await import("../../../record/index.js");
	const { TraceWriter } = await import("../../../trace/index.js");
	const header = await describe();
	const path = resolve(io.cwd, file);
	const fresh = !existsSync(path);
	try {
		new TraceWriter(path, header).close();
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		throw code === undefined ? error : new UsageError(`${file} cannot be written: ${code}`);
	}
	let unwritten = false;
	const recording = recordProgram({
		file: path,
		header,
		program,
		args: rest,
		paths: PATHS,
		name: basename(program),
		time: options.time === true,
		withMemory: options.withMemory === true,
		cwd: io.cwd,
		env: io.env,
		worker: new URL("recorder.cjs", import.meta.url),
		stub: new URL("recorded.cjs", import.meta.url).pathname,
		unwritten(code) {
			unwritten = true;
			io.stderr.write(`${err.bad("error:")} ${file} cannot be written: ${code}; the recording ends here, the program goes on\n`);
		},
	});
	const ended = await recording.catch((error) => {
		if (fresh) rmSync(path);
		throw error;
	});
	if ("failed" in ended && fresh) rmSync(path);
	if (!options.quiet && !("failed" in ended)) {
		const { programs, unknown } = ended;
		const found = programs === 0 ? "it opened neither /dev/iommu nor /dev/vfio" : plural(programs, "program");
		io.stderr.write(`${err.faint(`${file}: ${found}`)}\n`);
		if (unknown > 0)
			io.stderr.write(`${err.note("note:")} ${plural(unknown, "call")} on files that were open before the recording are not in it\n`);
	}
	if (unwritten) return { ...done, exit: exitCode.environment };
	return outcome(ended, program, (text) => io.stderr.write(`${err.bad("error:")} ${text}\n`));
}

/** The header of the trace: the release, and the machine as sysfs describes it. */
async function describe(): Promise<Record<string, unknown>> {
	const { machineFile } = await import("../../../sim/index.js");
	const { hostAt } = await import("../../host/host.js");
	const { probedMachine } = await import("../../host/probed.js");
	const running = release();
	const uapi = /^\d+\.\d+/.exec(running)?.[0];
	const host = hostAt("/");
	const base = {
		kernel: "real",
		release: running,
		...(uapi !== undefined && uapi !== CURRENT_RELEASE && RELEASES.includes(uapi) && { uapi }),
	};
	// Without an IOMMU of hardware only the selftest driver can answer, and its mock needs no description.
	if (host.list("/sys/class/iommu").length === 0) return base;
	const { machine } = await probedMachine(host);
	return { ...base, machine: machineFile(machine) };
}

/** The program's own end is this command's. */
function outcome(ended: Ended, program: string, complain: (text: string) => void): Outcome {
	if ("failed" in ended) {
		const missing = ended.failed === ENOENT;
		complain(`${program} cannot be started: ${missing ? "not found" : errnoName(ended.failed)}`);
		return { ...done, exit: missing ? NOT_FOUND : NOT_RUNNABLE };
	}
	if ("code" in ended) return { ...done, exit: ended.code };
	return { ...done, exit: 128 + (constants.signals[ended.signal as NodeJS.Signals] ?? 0) };
}

const family: Family = {
	name: "record",
	apart: true,
	commands: [
		{
			name: "",
			summary: "run a program that is not ours on this machine's kernel and record its calls",
			details: [
				"The program is unmodified; its calls on /dev/iommu and /dev/vfio and on the files that these make are written to FILE as a",
				"trace, which replays on the simulated kernel and goes through trace show, diff, minimize and export. Child processes and",
				"threads are followed. Only calls on these files stop (and opening files for writing); all others run at their own speed.",
				"Memory is recorded as extents: what a device gets at exists in the replay, but is empty there unless --with-memory is given.",
				"The exit code is the program's (128 + the number of the signal that ended it; 127 if it is not found).",
				"A set-user-ID program does not get its user's rights, as under every tracer.",
			].join("\n"),
			args: [
				{ name: "FILE", value: "file", doc: "the trace: a new file, or a trace of the same machine to append to" },
				{ name: "PROGRAM", doc: "the program and its arguments, after --", variadic: true },
			],
			options: () => [
				{ flags: "--time", doc: "steps have the time of the call and how long it took, in microseconds" },
				{ flags: "--with-memory", doc: "also keep the contents of memory that a device gets at" },
				{ flags: "-q, --quiet", doc: "do not say afterwards what was recorded" },
			],
			examples: [
				["record vmm.jsonl -- ./my-vmm --device vfio-pci", "record what it asks of the kernel"],
				["record --time --with-memory test.jsonl -- ./test", "with times, and with what devices read"],
			],
			run,
		},
	],
};
export default family;
