/** Helpers for the tests of the real kernel: files with ioctls that exist on every Linux, and child programs. */
import { execFileSync, type SpawnSyncReturns, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { onTestFinished } from "vitest";
import { openRealKernel, type RealKernel } from "../../../src/kernel/real/index.js";

export const TIOCGWINSZ = 0x5413;
export const TIOCSWINSZ = 0x5414;
/** the number of a pseudo-terminal; its struct is one u32 */
export const TIOCGPTN = 0x80045430;

export const isRoot = process.getuid?.() === 0;

/** A separate program, ended after the test. */
export function program(): RealKernel {
	const kernel = openRealKernel();
	onTestFinished(() => kernel.exit());
	return kernel;
}

/** A pseudo-terminal: the file with ioctls that write and read structs, on every Linux. */
export function terminal(kernel: RealKernel): number {
	const fd = kernel.open("/dev/ptmx");
	if (fd < 0) throw new Error(`/dev/ptmx cannot be opened: ${fd}`);
	return fd;
}

export function tempDir(): string {
	const dir = mkdtempSync(join(tmpdir(), "iommuctl-real-"));
	onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
	return dir;
}

/** A named pipe; opened for reading and writing it needs no process at the other end. */
export function fifo(): string {
	const path = join(tempDir(), "fifo");
	execFileSync("mkfifo", [path]);
	return path;
}

const children = fileURLToPath(new URL("./children/", import.meta.url));
const bundles = fileURLToPath(new URL(`../../../node_modules/.cache/iommuctl-real-${process.pid}/`, import.meta.url));

/** Bundles `children/NAME.ts` to a place where Node can run it and still finds the packages, or to `dir`. */
export async function bundle(name: string, dir = bundles): Promise<string> {
	mkdirSync(dir, { recursive: true });
	if (dir === bundles) onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
	const outfile = join(dir, `${name}.mjs`);
	await build({
		entryPoints: [join(children, `${name}.ts`)],
		outfile,
		bundle: true,
		platform: "node",
		format: "esm",
		target: "node20",
		logLevel: "error",
	});
	return outfile;
}

/** Runs a program of `children/` with options for Node; its last line of output is JSON. */
export async function runChild(name: string, nodeOptions: readonly string[] = [], args: readonly string[] = []): Promise<Child> {
	return finished(spawnSync(process.execPath, [...nodeOptions, await bundle(name), ...args], { encoding: "utf8" }));
}

export interface Child {
	readonly status: number | null;
	readonly signal: string | null;
	readonly stderr: string;
	readonly answer: unknown;
}

export function finished({ status, signal, stdout, stderr }: SpawnSyncReturns<string>): Child {
	return { status, signal, stderr, answer: stdout === "" ? undefined : JSON.parse(stdout) };
}
