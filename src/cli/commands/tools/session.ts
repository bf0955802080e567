/** `session`: kernels that outlive a command. */
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { SessionStatus } from "../../../session/protocol.js";
import type { CommandSpec, Family, Invocation } from "../../frame/command.js";
import { done, exitCode, type Outcome, UsageError } from "../../frame/exit.js";
import { injectedNote } from "../../frame/record.js";
import type { SessionSetup } from "../../frame/session-setup.js";
import { table } from "../../frame/text.js";
import { uapiFiles } from "../../frame/uapi-choice.js";

const schema = { schema: "iommuctl.session", version: 1 } as const;
const variable = "IOMMUCTL_SESSION";
const defaultIdle = "1h";

/** The session that this shell is in. */
const current = ({ io }: Invocation): string | undefined => io.env[variable] || undefined;

function named(inv: Invocation): string {
	const name = inv.args[0] ?? current(inv);
	if (name !== undefined) return name;
	throw new UsageError("this shell is not in a session", 'name one, or start one: eval "$(iommuctl session start)"');
}

async function start(inv: Invocation): Promise<Outcome> {
	const { common, io, options, err } = inv;
	const { startSession } = await import("../../../session/start.js");
	const { checkName } = await import("../../../session/paths.js");
	const { durationText, parseDuration } = await import("../../../session/duration.js");
	const name = options.name === undefined ? undefined : checkName(options.name as string);
	const idle = (options.idle as string | undefined) ?? defaultIdle;
	const record = options.record as string | undefined;
	const setup: SessionSetup = {
		kernel: common.kernel,
		fd: common.fd !== undefined,
		machine: common.machine,
		uapi: common.uapi,
		inject: common.inject,
		why: common.why,
		record: record && resolve(io.cwd, record),
		uapiFiles: uapiFiles(inv.common.uapiFile ?? [], io).flatMap(({ files }) => files),
		cwd: io.cwd,
	};
	// Checked here, where the number is the one that the user knows.
	if (common.fd !== undefined) (await import("../../../kernel/real/index.js")).checkGivenFile(common.fd);
	// Beside dist/, where this is once it is built.
	const command = [process.execPath, fileURLToPath(new URL("../bin/iommuctl.js", import.meta.url)), "--serve-session"];
	// To the session's process, 0 means never.
	const idleTime = idle === "never" ? 0 : parseDuration(idle, "--idle");
	if (idle !== "never" && idleTime === 0)
		throw new UsageError(`--idle ${idle}: the session would end before its first command`, "give it time, for example 15m, or never");
	const request = { name, idle: idleTime, setup: { ...setup } };
	const started = await startSession(command, request, common.fd);
	if (common.json) {
		io.stdout.write(`${JSON.stringify({ ...schema, ...inJson(started) })}\n`);
		return done;
	}
	io.stdout.write(`export ${variable}=${started.name}\n`);
	const until = started.idleLimit === null ? "" : `; it ends after ${durationText(started.idleLimit * 1000)} without a command`;
	io.stderr.write(`${err.faint(`session ${started.name}, kernel: ${started.kernel}${until}`)}\n`);
	if (started.record) io.stderr.write(`${err.faint(`every call is written to ${started.record}`)}\n`);
	if (started.record && common.inject) io.stderr.write(`${err.note("note:")} ${injectedNote}\n`);
	if (io.stdout.isTTY)
		io.stderr.write(`${err.note("note:")} this shell is not in it yet: \`export ${variable}=${started.name}\` joins it\n`);
	return done;
}

/** `version` is the document's; iommuctl's own version is under its name. */
const inJson = ({ version, ...rest }: SessionStatus): object => ({ ...rest, iommuctl: version });

async function list(inv: Invocation): Promise<Outcome> {
	const { common, io, out } = inv;
	const { listSessions } = await import("../../../session/query.js");
	const { durationText } = await import("../../../session/duration.js");
	const found = await listSessions(io.env);
	if (common.json) {
		const sessions = found.map((one) => ({
			name: one.name,
			state: one.state,
			current: one.name === current(inv),
			...(one.state === "running" && inJson(one.status)),
		}));
		io.stdout.write(`${JSON.stringify({ ...schema, schema: "iommuctl.sessions", sessions })}\n`);
		return done;
	}
	const rows = found.map((one) => {
		const mark = one.name === current(inv) ? "*" : " ";
		if (one.state === "busy") return [mark, one.name, "busy with a command"];
		if (one.state !== "running") return [mark, one.name, "was killed; its socket is removed"];
		const { pid, kernel, commands, running, idleFor } = one.status;
		const now = running > 0 ? `${running} running` : `idle for ${durationText(idleFor * 1000)}`;
		return [mark, one.name, kernel, `process ${pid}`, `${commands} served`, now];
	});
	const width = Math.max(0, ...rows.map((row) => row.length));
	const lines = table(rows.map((row) => (row.length === width ? row : [...row, ...Array<string>(width - row.length).fill("")])));
	io.stdout.write(lines.length > 0 ? `${lines.map((line) => line.trimEnd()).join("\n")}\n` : `${out.faint("no session is running")}\n`);
	return done;
}

async function status(inv: Invocation): Promise<Outcome> {
	const { common, io } = inv;
	const name = named(inv);
	const { question } = await import("../../../session/query.js");
	const { ask } = await import("../../../session/frames.js");
	const { durationText } = await import("../../../session/duration.js");
	const found = await question(io.env, name, ask.status);
	if (found.state === "absent" || found.state === "killed") {
		const { goneError } = await import("../../../session/gone.js");
		throw goneError(io.env, name, found.state);
	}
	if (common.json) {
		io.stdout.write(`${JSON.stringify({ ...schema, name, state: found.state, ...(found.state === "running" && inJson(found.status)) })}\n`);
		return done;
	}
	if (found.state === "busy") {
		io.stdout.write(`session ${name} is busy with a command\n`);
		return done;
	}
	const { pid, version, kernel, started, commands, running, idleFor, idleLimit, record } = found.status;
	const rows = [
		["session", name],
		["kernel", kernel],
		["process", `${pid}, iommuctl ${version}, since ${started}`],
		["commands", `${commands} served, ${running} running`],
		[
			"idle",
			running > 0
				? "no"
				: `for ${durationText(idleFor * 1000)}${idleLimit === null ? "" : `; ends after ${durationText(idleLimit * 1000)}`}`,
		],
		...(record === null ? [] : [["record", record]]),
	];
	io.stdout.write(`${table(rows).join("\n")}\n`);
	return done;
}

async function stop(inv: Invocation): Promise<Outcome> {
	const { common, io, options, err } = inv;
	const { forget, inodeOf, listSessions, question } = await import("../../../session/query.js");
	const { ask } = await import("../../../session/frames.js");
	const names = options.all === true ? (await listSessions(io.env)).map(({ name }) => name) : inv.args.length > 0 ? inv.args : [named(inv)];
	const results: { readonly name: string; readonly state: string }[] = [];
	for (const name of names) {
		const inode = inodeOf(io.env, name);
		let { state }: { state: string } = await question(io.env, name, ask.stop);
		if (state === "running") state = "stopped";
		if (state === "killed") forget(io.env, name, inode);
		if (state === "busy" && options.force === true) {
			const { killSession } = await import("../../../session/kill.js");
			if (await killSession(io.env, name)) state = "forced";
		}
		results.push({ name, state });
	}
	if (common.json) io.stdout.write(`${JSON.stringify({ ...schema, schema: "iommuctl.sessions", sessions: results })}\n`);
	else {
		for (const { name, state } of results)
			io.stderr.write(`${state === "busy" ? err.bad("error:") : err.faint("session:")} ${name} ${outcomes[state]}\n`);
		if (results.length === 0) io.stderr.write(`${err.faint("no session is running")}\n`);
		// So that `eval "$(iommuctl session stop)"` leaves nothing behind.
		const over = results.find(({ name, state }) => name === current(inv) && state !== "busy");
		if (over) io.stdout.write(`unset ${variable}\n`);
	}
	return { ...done, exit: results.some(({ state }) => state === "busy") ? exitCode.failed : exitCode.done };
}

const outcomes: Readonly<Record<string, string>> = {
	stopped: "stopped",
	forced: "was busy and was killed",
	killed: "was killed before; its socket is removed",
	absent: "was not running",
	busy: "is busy and ends after its command; --force kills it now",
};

async function exec(inv: Invocation): Promise<Outcome> {
	const { io } = inv;
	const [name, ...argv] = inv.args;
	const { forward, requestOf } = await import("../../../session/forward.js");
	const { checkName, sessionFolder, socketPath } = await import("../../../session/paths.js");
	const { goneError } = await import("../../../session/gone.js");
	const { version } = await import("../../frame/version.js");
	const folder = sessionFolder(io.env);
	const path = socketPath(folder ?? "", checkName(name));
	if (folder === undefined) throw goneError(io.env, name, "absent");
	const result = await new Promise<import("../../../session/forward.js").Forwarded>((resolve) =>
		forward(path, requestOf(argv, version), resolve),
	);
	if ("gone" in result) throw goneError(io.env, name, result.gone);
	if ("exit" in result) return { ...done, exit: result.exit };
	return await inv.commandLine.execute(argv, { io });
}

const commands: readonly CommandSpec[] = [
	{
		name: "start",
		summary: "start a session in the background and print how a shell joins it",
		details: [
			'  eval "$(iommuctl session start)"',
			"",
			`sets ${variable}; from then on every command of this shell uses the session's kernel, so objects live from one`,
			"command to the next: ioas=$(iommuctl ioas alloc -q). Sessions have names; without --name it is s1, s2, ...",
			"Only you can reach a session: its socket is in a folder of yours below XDG_RUNTIME_DIR.",
		].join("\n"),
		options: () => [
			{ flags: "--name <name>", doc: "its name; letters, digits, dots, dashes, underscores" },
			{ flags: "--record <file>", value: "file", doc: "write every call to this trace (replay, trace show)" },
			{ flags: "--idle <time>", doc: `end by itself after this time without a command: 90s, 15m, 2h, never (${defaultIdle})` },
		],
		groups: ["kernel", "own-kernel", "fd"],
		examples: [
			["session start --name vm --kernel sim --machine smmuv3", ""],
			["session start --record today.jsonl --idle 8h", "replayed later by iommuctl replay today.jsonl"],
		],
		run: start,
	},
	{
		name: "list",
		summary: "sessions that are running; * is this shell's",
		isDefault: true,
		examples: [["session list", ""]],
		run: list,
	},
	{
		name: "status",
		summary: "a session's kernel, process and use",
		args: [{ name: "NAME", value: "session", doc: "the session; this shell's if not given", optional: true }],
		examples: [["session status", ""]],
		run: status,
	},
	{
		name: "stop",
		summary: "end a session and its kernel",
		details: [
			"Commands that wait are cancelled; those that run end first. To stop this shell's session and leave it:",
			'eval "$(iommuctl session stop)".',
		].join("\n"),
		args: [{ name: "NAME", value: "session", doc: "the session; this shell's if not given", optional: true, variadic: true }],
		options: () => [
			{ flags: "--all", doc: "every session of yours" },
			{ flags: "--force", doc: "kill it if it is busy" },
		],
		examples: [["session stop --all", ""]],
		run: stop,
	},
	{
		name: "exec",
		summary: "run one command in a session, from any shell",
		args: [
			{ name: "NAME", value: "session", doc: "the session" },
			{ name: "COMMAND", doc: "the command and its words, after --", variadic: true },
		],
		examples: [["session exec s1 -- ioas alloc -q", ""]],
		run: exec,
	},
];

const family: Family = {
	name: "session",
	apart: true,
	details: [
		"A session keeps a kernel, simulated or real, from one command to the next. Commands are served in the order they come;",
		"one that waits (fault read --wait) lets the others go on. Ctrl-C ends the command, not the session.",
		`A shell is in the session that ${variable} names; \`${variable}= iommuctl ...\` runs one command outside of it.`,
	].join("\n"),
	commands,
};
export default family;
