/** Tests how programs under exec end: signals pass through, and nothing is left behind. */
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { bin } from "../cli.js";
import { exec, obstacle, perl } from "./program.js";

/** Starts a script, and waits until it says "ready". */
async function started(code: string, ...options: string[]): Promise<{ child: ChildProcess; ended: Promise<number | string | null> }> {
	const child = spawn(process.execPath, [bin, "exec", ...options, ...perl(code)], { stdio: ["pipe", "pipe", "inherit"] });
	const ended = new Promise<number | string | null>((resolve) => child.on("exit", (status, signal) => resolve(signal ?? status)));
	let said = "";
	await new Promise<void>((resolve) =>
		child.stdout?.on("data", (data) => {
			said += data;
			if (said.includes("ready")) resolve();
		}),
	);
	return { child, ended };
}

/** Processes whose command line has the mark. */
function alive(mark: string): string[] {
	return readdirSync("/proc").filter((pid) => {
		try {
			return (
				/^\d+$/.test(pid) &&
				readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(mark) &&
				!/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "latin1"))
			);
		} catch {
			return false;
		}
	});
}

async function goneSoon(mark: string): Promise<void> {
	for (let waited = 0; alive(mark).length > 0 && waited < 100; waited++) await setTimeout(50);
	expect(alive(mark)).toEqual([]);
}

describe.skipIf(obstacle !== undefined)("exec", () => {
	test("a program's own signal is the exit code", () => {
		expect(exec("kill 9, $$").status).toBe(137);
		expect(exec("kill 'TERM', $$; sleep 5").status).toBe(143);
	});

	test("TERM reaches the program, which may catch it", async () => {
		const { child, ended } = await started('$SIG{TERM} = sub { exit 5 }; my $f = dev(); print "ready\\n"; sleep 1 while 1');
		child.kill("SIGTERM");
		expect(await ended).toBe(5);
	});

	test("a background process ends with the program", async () => {
		const mark = `background${process.pid}`;
		expect(exec(`if (!fork) { exec "perl", "-e", "sleep 1 while 1", "${mark}" } select undef, undef, undef, 0.2`).status).toBe(0);
		await goneSoon(mark);
	});

	test("killed, it leaves no process behind", async () => {
		const mark = `killed${process.pid}`;
		const { child, ended } = await started(
			`my $f = dev(); fork; if (!fork) { %ENV = (); exec "/usr/bin/perl", "-e", "sleep 1 while 1", "${mark}" } print "ready\\n"; sleep 1 while 1 # ${mark}`,
		);
		for (let waited = 0; alive(mark).length <= 2 && waited < 500; waited++) await setTimeout(10);
		expect(alive(mark).length).toBeGreaterThan(2);
		child.kill("SIGKILL");
		expect(await ended).toBe("SIGKILL");
		await goneSoon(mark);
	});
});
