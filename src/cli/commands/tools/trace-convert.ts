/** `trace export` and `trace import`: traces as C, and to and from syzkaller's and strace's text. */
import { basename } from "node:path";
import type { CommandSpec, Invocation } from "../../frame/command.js";
import { done, exitCode, type Outcome, UsageError } from "../../frame/exit.js";
import { plural } from "../../frame/text.js";
import { deliver, outputOption, programOf, programOption, some, textOf, traceArg, traceOf } from "./trace-files.js";

const NO_STRACE = "no strace release prints the arguments of iommufd's calls";
const OTHER_WAY =
	"what works: iommuctl record FILE -- PROGRAM, which runs the program itself; trace import --qemu, for QEMU's trace events";

async function exportTrace(inv: Invocation): Promise<Outcome> {
	const { args, options, io, err } = inv;
	const [file] = args;
	const forms = [options.c, options.script, options.syz, options.perfetto].filter((form) => form === true);
	if (forms.length !== 1) throw new UsageError("trace export: exactly one form is needed", "--c, --script, --syz or --perfetto");
	const trace = await traceOf(inv, file);
	const programs = some(trace, programOf(inv));
	const { text, skipped } = await exported();
	deliver(inv, text);
	for (const one of skipped) io.stderr.write(`${err.note("left out:")} ${one}\n`);
	return done;

	async function exported(): Promise<{ text: string; skipped: readonly string[] }> {
		if (options.c === true) return (await import("../../../trace/export/c.js")).exportC(basename(file), trace.header, programs);
		if (options.perfetto === true) {
			return { text: (await import("../../../trace/export/perfetto.js")).exportPerfetto(programs), skipped: [] };
		}
		if (programs.length > 1) {
			throw new UsageError(
				`${file} has ${programs.length} programs, and ${options.script === true ? "a script" : "syzkaller's text"} holds one`,
				`choose: --program ${programs[0].name}`,
			);
		}
		if (options.script === true) {
			const { exportScript } = await import("../../../trace/export/script.js");
			return exportScript(programs[0], [`Made by iommuctl from ${basename(file)}, program ${programs[0].name}.`]);
		}
		return (await import("../../../trace/export/syz.js")).exportSyz(programs[0]);
	}
}

interface Taken {
	readonly text: string;
	readonly calls: number;
	readonly skipped: readonly Line[];
	/** calls that are worth a trace; absent: all */
	readonly useful?: number;
	/** lines that were imported, and what the trace cannot say of them */
	readonly notes?: readonly Line[];
}

interface Line {
	readonly line: number;
	readonly what: string;
	readonly why: string;
}

async function importText(inv: Invocation): Promise<Outcome> {
	const { args, options, io, err } = inv;
	const [file] = args;
	const forms = [options.syz, options.strace, options.qemu].filter((form) => form === true);
	if (forms.length !== 1) throw new UsageError("trace import: exactly one form is needed", "--syz, --strace or --qemu");
	const source = await textOf(inv, file);
	const name = basename(file === "-" ? "stdin" : file).replace(/\.[^.]*$/, "") || "imported";
	const {
		text,
		calls,
		skipped,
		notes = [],
		useful = calls,
	} = await (options.strace === true ? fromStrace : options.qemu === true ? fromQemu : fromSyz)(inv, source, name);
	const nothing = useful === 0 && (options.syz === true ? calls === 0 : calls === 0 || skipped.length > 0);
	if (nothing && calls === 0 && skipped.length === 0 && options.syz === true)
		throw new UsageError(`${file} has no call: it is not a syzkaller program`, "a line of one is r0 = openat$iommufd(...)");
	if (nothing && calls === 0 && skipped.length === 0)
		throw new UsageError(`${file} has no ioctl: it is not a strace log of a program that uses /dev/iommu`, OTHER_WAY);
	if (!nothing) deliver(inv, text);
	for (const { line, what, why } of notes) io.stderr.write(`${err.note("note:")} ${file}:${line}: ${what}: ${why}\n`);
	for (const { line, what, why } of skipped) io.stderr.write(`${err.note("skipped:")} ${file}:${line}: ${what}: ${why}\n`);
	if (nothing) {
		const why = options.strace === true ? `: ${NO_STRACE}\n  ${OTHER_WAY}` : "";
		io.stderr.write(`${err.bad("failed")}  ${file}: nothing to import, ${plural(skipped.length, "line")} skipped${why}\n`);
		return { exit: exitCode.failed, errno: 0 };
	}
	io.stderr.write(`${err.faint(`${plural(calls, "call")} imported, ${plural(skipped.length, "line")} skipped`)}\n`);
	if (options.strace === true && skipped.length > 0) io.stderr.write(`${err.note("note:")} ${NO_STRACE}; ${OTHER_WAY}\n`);
	return done;
}

async function fromStrace({ common }: Invocation, source: string, name: string): Promise<Taken> {
	if (common.kernelGiven) throw new UsageError("a strace log has its answers already", "leave --kernel out");
	const { importStrace } = await import("../../../trace/import/strace.js");
	const { CONSTANT_ANSWERS } = await import("../../../trace/import/strace-requests.js");
	const { TRACE_VERSION } = await import("../../../trace/index.js");
	const { traceText } = await import("../../../trace/tools/index.js");
	const { steps, skipped } = importStrace(source);
	const text = traceText({ trace: "iommufd", version: TRACE_VERSION, source: "strace" }, [{ name, steps }]);
	const calls = steps.flatMap((step) => (step.op === "ioctl" ? [step.request] : []));
	return { text, calls: calls.length, useful: calls.filter((request) => !CONSTANT_ANSWERS.has(request)).length, skipped };
}

async function fromQemu({ common, args }: Invocation, source: string, name: string): Promise<Taken> {
	if (common.kernelGiven) throw new UsageError("QEMU's trace events have their answers already", "leave --kernel out");
	const { importQemu } = await import("../../../trace/import/qemu.js");
	const { TRACE_VERSION } = await import("../../../trace/index.js");
	const { traceText } = await import("../../../trace/tools/index.js");
	const { steps, skipped, events } = importQemu(source);
	if (events === 0)
		throw new UsageError(
			`${args[0]} has no event of QEMU's iommufd backend`,
			"qemu-system-... -trace 'iommufd_*' -trace 'vfio_*' -D FILE writes them (QEMU 8.2 and later)",
		);
	const text = traceText({ trace: "iommufd", version: TRACE_VERSION, source: "qemu" }, [{ name, steps }]);
	return { text, calls: steps.filter(({ op }) => op === "ioctl").length, skipped };
}

async function fromSyz(inv: Invocation, source: string, name: string): Promise<Taken> {
	const { importSyz } = await import("../../../trace/import/syz.js");
	const { importC, isCReproducer } = await import("../../../trace/import/syz-c.js");
	const { recordSteps } = await import("../../../trace/import/record-steps.js");
	const { TRACE_VERSION } = await import("../../../trace/index.js");
	const { traceText } = await import("../../../trace/tools/index.js");
	const { announce } = await import("../../frame/announce.js");
	await announce(inv);
	const kernel = await inv.context.kernel();
	const { steps, result } = recordSteps(kernel, (recorded) =>
		isCReproducer(source) ? importC(source, recorded) : importSyz(source, inv.args[0], recorded),
	);
	const header = { trace: "iommufd", version: TRACE_VERSION, source: "syzkaller", kernel: kernel.kind } as const;
	return { text: traceText(header, [{ name, steps }]), ...result };
}

export const exportCommand: CommandSpec = {
	name: "export",
	summary: "a trace's programs as C, as a script, as text for syzkaller, or as a drawing for Perfetto",
	details: [
		"--c writes one readable C file with the structs and numbers that it needs: it makes the calls, checks every recorded",
		"answer, and exits 0 if all match, 1 if not, 77 if there is no /dev/iommu (or no selftest driver, or no such device).",
		"--script writes a script for `iommuctl run` that makes a program's calls and expects the recorded errnos and fields.",
		"--syz writes a syzkaller program of the calls that syzkaller describes (sys/linux/dev_iommu.txt).",
		"What cannot be written that way is a comment there, and is listed on stderr.",
		"--perfetto writes a file for ui.perfetto.dev and chrome://tracing: a file is a track, a call a slice, an object an async slice from",
		"the call that made it to its end, with flows to the calls that name its ID; the bytes that an IOAS maps are a counter. Time",
		"is that of the steps, if they have one, else their number.",
	].join("\n"),
	args: [traceArg],
	options: () => [
		{ flags: "--c", doc: "C" },
		{ flags: "--script", doc: "a script of one program" },
		{ flags: "--syz", doc: "a syzkaller program" },
		{ flags: "--perfetto", doc: "Chrome's JSON of events" },
		programOption,
		outputOption,
	],
	examples: [
		["trace export --c my.jsonl -o reproducer.c", "then: cc -o reproducer reproducer.c"],
		["trace export --script my.jsonl --program iova-17 -o iova-17.iommu", "then: iommuctl run iova-17.iommu"],
		["trace export --syz my.jsonl --program iova-17", ""],
		["trace export --perfetto my.jsonl -o my.json", "then open my.json in https://ui.perfetto.dev"],
	],
	run: exportTrace,
};

export const importCommand: CommandSpec = {
	name: "import",
	summary: "a trace from a syzkaller program, a strace log, or QEMU's trace events",
	details: [
		"--syz runs a syzkaller program, or the C that syzkaller makes of one, on a kernel and records it: what it does with the",
		"files of iommufd and VFIO. Fields that the program leaves out have their types' defaults. (fail_nth: N) makes the call's Nth",
		"allocation fail, and the trace says so; (rerun: N) makes the call N times more; (async) is noted.",
		"--qemu takes the calls out of QEMU's trace events iommufd_* and vfio_*, with the answers and times that they have.",
		"--strace takes the ioctls whose argument the log has: its bytes, its fields by name, or a number. No strace release prints the",
		"arguments of iommufd's calls: with its usual logs there is nothing to import (exit 1); `iommuctl record FILE -- PROGRAM` has them.",
		"What is not imported is listed on stderr, line by line; nothing is made up.",
	].join("\n"),
	args: [{ name: "FILE", value: "file", doc: "a program's text or a log; - is stdin" }],
	options: () => [
		{ flags: "--syz", doc: "a syzkaller program, or its C reproducer" },
		{ flags: "--strace", doc: "a strace log" },
		{ flags: "--qemu", doc: "a log of QEMU's trace events" },
		outputOption,
	],
	groups: ["kernel", "own-kernel"],
	examples: [
		["trace import --syz crash.syz -o crash.jsonl", ""],
		["trace import --syz repro.c | iommuctl trace show -", "the C reproducer of a syzbot report"],
		["trace import --qemu vm.log -o vm.jsonl", "after qemu-system-... -trace 'iommufd_*' -trace 'vfio_*' -D vm.log"],
	],
	run: importText,
};
