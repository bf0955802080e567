/** Sessions and commands in them, as processes, for tests. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { answer, ask, frame, frameReader } from "../../src/session/frames.js";
import { type ExecRequest, protocol, type SessionStatus } from "../../src/session/protocol.js";
import { question } from "../../src/session/query.js";
import { inProcess, needsProcess } from "../cli/in-process.js";

export const root = fileURLToPath(new URL("../..", import.meta.url));
export const bin = join(root, "bin/iommuctl.js");

export interface Ran {
	readonly status: number | null;
	readonly signal: NodeJS.Signals | null;
	readonly stdout: string;
	readonly stderr: string;
}

/** A place with its own sessions, in which commands run as processes. */
export class Place {
	readonly folder = mkdtempSync(join(tmpdir(), "iommuctl-session-"));
	readonly env: Record<string, string | undefined>;

	constructor() {
		const { NO_COLOR: _, FORCE_COLOR: __, IOMMUCTL_SESSION: ___, ...rest } = process.env;
		this.env = { ...rest, XDG_RUNTIME_DIR: this.folder, NODE: process.execPath, BIN: bin };
	}

	/** Ends all sessions, whatever they are doing. */
	clear(): void {
		this.run(["session", "stop", "--all", "--force"]);
		rmSync(this.folder, { recursive: true, force: true });
	}

	/** A process starts for commands in a session, and for those that start one. */
	run(args: readonly string[], { session, input = "", cwd = root }: { session?: string; input?: string; cwd?: string } = {}): Ran {
		const env = { ...this.env, ...(session !== undefined && { IOMMUCTL_SESSION: session }) };
		if (!needsProcess(args, env)) return { ...inProcess(args, { input, cwd, env }), signal: null };
		const { status, signal, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], { input, cwd, env, encoding: "utf8" });
		return { status, signal, stdout, stderr };
	}

	/** Runs a bash script in which `iommuctl` is the one under test. */
	shell(lines: string): Ran {
		const text = `iommuctl() { "$NODE" "$BIN" "$@"; }\n${lines}`;
		const { status, signal, stdout, stderr } = spawnSync("bash", ["-c", text], { cwd: root, env: this.env, encoding: "utf8", input: "" });
		return { status, signal, stdout, stderr };
	}

	/** A command that runs while the test goes on. */
	begin(args: readonly string[], session: string): Begun {
		const child = spawn(process.execPath, [bin, ...args], { cwd: root, env: { ...this.env, IOMMUCTL_SESSION: session } });
		child.stdin.on("error", () => {});
		let stdout = "";
		let stderr = "";
		child.stdout.on("data", (text) => {
			stdout += text;
		});
		child.stderr.on("data", (text) => {
			stderr += text;
		});
		const ended = new Promise<Ran>((resolve) => child.once("close", (status, signal) => resolve({ status, signal, stdout, stderr })));
		return { child, ended };
	}

	/** Starts a session on the simulated selftest machine. @returns its process ID */
	start(name: string, ...more: string[]): number {
		const ran = this.run(["session", "start", "--name", name, "--kernel", "sim", "--json", ...more]);
		if (ran.status !== 0) throw new Error(ran.stderr);
		return (JSON.parse(ran.stdout) as { pid: number }).pid;
	}

	socket(name: string): string {
		return join(this.folder, "iommuctl", `${name}.sock`);
	}

	/** Waits until the session's status fits. */
	async until(name: string, fits: (status: SessionStatus) => boolean): Promise<void> {
		// A session tells nobody that a command begins.
		for (let tries = 0; tries < 1000; tries++) {
			const found = await question(this.env, name, ask.status);
			if (found.state === "running" && fits(found.status)) return;
			await new Promise((resolve) => setTimeout(resolve, 10));
		}
		throw new Error(`session ${name} does not reach the expected state: ${this.run(["session", "status", name]).stdout}`);
	}
}

export interface Begun {
	readonly child: ChildProcess;
	readonly ended: Promise<Ran>;
}

/** A request as bin/iommuctl.js makes it. */
export const request = (argv: readonly string[], more: Partial<ExecRequest> = {}): ExecRequest => ({
	protocol,
	version: "0.1.0",
	argv,
	cwd: root,
	env: {},
	tty: [false, false],
	columns: [null, null],
	...more,
});

/** Speaks to a session's socket without iommuctl. @returns all that came until the session hung up */
export function speak(socket: string, bytes: Uint8Array): Promise<{ kind: string; text: string }[]> {
	return new Promise((resolve, reject) => {
		const got: { kind: string; text: string }[] = [];
		const read = frameReader((kind, payload) => {
			got.push({ kind, text: payload.toString() });
			if (kind === answer.exit || kind === answer.local) connection.destroy();
		});
		const connection = connect(socket, () => connection.write(bytes));
		connection.on("data", read);
		connection.on("close", () => resolve(got));
		connection.on("error", reject);
	});
}

export const execFrame = (argv: readonly string[], more?: Partial<ExecRequest>): Buffer =>
	frame(ask.exec, JSON.stringify(request(argv, more)));
