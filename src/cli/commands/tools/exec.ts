/** `exec`: runs a program on the simulated kernel, and lets other commands join it meanwhile. */
import { constants } from "node:os";
import { resolve } from "node:path";
import type { Ended, ProgramOptions, Running } from "../../../exec/index.js";
import type { Kernel } from "../../../kernel/kernel.js";
import type { Family, Invocation } from "../../frame/command.js";
import { Context } from "../../frame/context.js";
import { done, elsewhere, type Outcome, UsageError } from "../../frame/exit.js";
import type { KernelHandle } from "../../frame/kernel-choice.js";
import { cannotStart } from "./cannot-start.js";

async function run(inv: Invocation): Promise<Outcome> {
	const { args, common, io, err } = inv;
	const [program, ...rest] = args;
	if (common.kernel === "real")
		throw new UsageError(
			"exec runs a program on the simulated kernel",
			"leave out --kernel real: a program that is started without iommuctl has the real one",
		);
	const { runProgram } = await import("../../../exec/index.js");
	const context = new Context("sim", undefined, { machine: common.machine, uapi: common.uapi, cwd: io.cwd });
	const handle = await context.handle();
	const { sim } = handle;
	if (sim === undefined) throw new Error("the simulated kernel is missing");
	const around = await wrapping(inv, handle);
	let running: Running | undefined;
	const session = await host(inv, context, () => running);
	try {
		const ended = await runProgram({
			sim,
			wrap: around.wrap,
			fdOffsets: around.fdOffsets,
			anyDescriptor: inv.options.anyDescriptor === true,
			note: (line) => io.stderr.write(`${err.faint(`note: ${line}`)}\n`),
			program,
			args: rest,
			cwd: io.cwd,
			env: { ...io.env, IOMMUCTL_SESSION: session.name },
			launcher: new URL("launcher.cjs", import.meta.url),
			started(started) {
				running = started;
				if (io.stderr.isTTY) io.stderr.write(`${err.faint(`session ${session.name}: ${program} runs on the kernel ${handle.which}`)}\n`);
			},
		});
		return outcome(inv, ended, program);
	} finally {
		running = undefined;
		await session.close();
		around.close();
	}
}

type Around = Pick<ProgramOptions, "wrap" | "fdOffsets"> & { close(): void };

/** What --inject and --record put around the kernel that programs call. */
async function wrapping({ common, io }: Invocation, handle: KernelHandle): Promise<Around> {
	const { injecting, parseInjection } = await import("../../../kernel/inject.js");
	const injections = (common.inject ?? []).map(parseInjection);
	const inject = (kernel: Kernel): Kernel => injecting(kernel, injections);
	if (common.record === undefined) return { wrap: inject, fdOffsets: undefined, close: () => {} };
	const { traceWriter } = await import("../../frame/record.js");
	const { fdFields, recording } = await import("../../../trace/index.js");
	const writer = await traceWriter(handle, resolve(io.cwd, common.record));
	return {
		wrap: (kernel) => recording(inject(kernel), writer),
		fdOffsets: (request, struct) => fdFields(request, struct).in,
		close: () => writer.close(),
	};
}

/** A session in this process, for as long as the program runs. */
async function host(
	{ options, commandLine }: Invocation,
	context: Context,
	running: () => Running | undefined,
): Promise<{ readonly name: string; close(): Promise<void> }> {
	const { listen } = await import("../../../session/daemon.js");
	const { checkName, sessionFolder } = await import("../../../session/paths.js");
	const { version } = await import("../../frame/version.js");
	const { which } = await context.handle();
	let session = "";
	const kept = {
		kernel: which,
		runner(name: string) {
			session = name;
			return async (argv: readonly string[], io: Invocation["io"]) => {
				context.announced = false;
				try {
					const outcome = await commandLine.execute(argv, { io, context, session: name });
					return outcome === elsewhere ? ("local" as const) : outcome.exit;
				} finally {
					running()?.refresh();
				}
			};
		},
		dispose: () => context.dispose(),
	};
	const name = options.name === undefined ? undefined : checkName(options.name as string);
	const folder = sessionFolder(process.env, true) as string;
	const { server } = await listen({ name, idle: 0 }, version, folder, kept);
	// `session stop` ends the program.
	void server.ended.then(() => running()?.kill());
	return { name: session, close: () => server.stop() };
}

/** The program's own end is this command's. */
function outcome({ io, err }: Invocation, ended: Ended, program: string): Outcome {
	if ("failed" in ended) {
		const { message, exit } = cannotStart(program, ended.failed, io.cwd);
		io.stderr.write(`${err.bad("error:")} ${message}\n`);
		return { ...done, exit };
	}
	if ("code" in ended) return { ...done, exit: ended.code };
	return { ...done, exit: 128 + constants.signals[ended.signal] };
}

const family: Family = {
	name: "exec",
	apart: true,
	commands: [
		{
			name: "",
			summary: "run a program that is not ours on the simulated kernel",
			details: [
				"The program is unmodified: its /dev/iommu and /dev/vfio are the simulated kernel's, everything else is this machine's. No",
				"root, no module and no hardware is needed. Its memory is its own: what it maps is what simulated devices read and write.",
				"The exit code is the program's (128 + the number of the signal that ended it; 127 if it is not found).",
				"While it runs it is a session, which other commands can join, the program's own among them:",
				"  iommuctl session list",
				"  iommuctl session exec NAME -- graph",
				"What the program started ends with it.",
			].join("\n"),
			args: [{ name: "PROGRAM", doc: "the program and its arguments, after --", variadic: true }],
			options: () => [
				{ flags: "--name <name>", doc: "the session's name; letters, digits, dots, dashes, underscores" },
				{
					flags: "--any-descriptor",
					doc: "stop reads, writes and mappings of every descriptor, and MADV_DONTNEED: for programs that use simulated files below 512 (slower)",
				},
			],
			groups: ["kernel"],
			examples: [
				["exec -- ./my-vmm-test", "your program's tests without hardware"],
				["exec --machine smmuv3 --inject IOMMU_IOAS_MAP:error=ENOMEM:when=3 -- ./my-vmm-test", "its third mapping fails"],
			],
			run,
		},
	],
};
export default family;
