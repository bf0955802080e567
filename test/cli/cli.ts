/** Runs the built iommuctl, in this process or in its own. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";
import { inProcess, needsProcess } from "./in-process.js";

export const root = fileURLToPath(new URL("../..", import.meta.url));
export const bin = fileURLToPath(new URL("../../bin/iommuctl.js", import.meta.url));

export interface Ran {
	readonly status: number | null;
	readonly stdout: string;
	readonly stderr: string;
}

export interface RunOptions {
	readonly input?: string | Uint8Array;
	readonly env?: Record<string, string>;
	readonly cwd?: string;
}

/**
 * The words after `iommuctl` as the built program runs them, but in a thread of this process, which costs a tenth of a
 * process; what works only in a process of its own (sessions, other programs, the real kernel, headers) is one. For everything
 * that a command reads, answers and prints.
 */
export function iommuctl(args: readonly string[], { input = "", env = {}, cwd = root }: RunOptions = {}): Ran {
	const all = { ...colourless(), ...env };
	return needsProcess(args, all) ? iommuctlProcess(args, { input, env, cwd }) : inProcess(args, { input, env: all, cwd });
}

/** iommuctl as a process, whatever the words: for what only a process shows (exit and start-up, signals, descriptors, terminals). */
export function iommuctlProcess(args: readonly string[], { input = "", env = {}, cwd = root }: RunOptions = {}): Ran {
	const done = spawnSync(process.execPath, [bin, ...args], {
		input,
		cwd,
		env: { ...colourless(), ...env },
		encoding: "utf8",
		maxBuffer: 1 << 28,
	});
	return { status: done.status, stdout: done.stdout, stderr: done.stderr };
}

function colourless(): NodeJS.ProcessEnv {
	const { NO_COLOR: _, FORCE_COLOR: __, ...rest } = process.env;
	return rest;
}

/** Runs a script of these lines in one context. */
export function script(lines: readonly string[], ...args: string[]): Ran {
	return iommuctl(["run", "-", "--kernel", "sim", ...args], { input: lines.join("\n") });
}

/** The JSON documents that a script printed, its summary last. */
export function documents(ran: Ran): Record<string, never>[] {
	return ran.stdout
		.split("\n")
		.filter(Boolean)
		.map((line) => JSON.parse(line) as Record<string, never>);
}

/** A mock device over an IOAS with a nesting parent and a nested page table: $ioas, $device, $parent, $nested. */
export const nested = [
	"ioas = ioas alloc",
	"device = selftest mock-domain $ioas",
	"parent = hwpt alloc $device.idev_id $ioas --flags NEST_PARENT",
	"nested = hwpt alloc $device.idev_id $parent --selftest iotlb=0x1111",
];

/** A folder of its own for a test file, gone after its tests. */
export function temporaryFolder(): string {
	const folder = mkdtempSync(join(tmpdir(), "iommuctl-"));
	afterAll(() => rmSync(folder, { recursive: true, force: true }));
	return folder;
}
