/** Tests of how sessions start and end. */
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { afterAll, describe, expect, it } from "vitest";
import { bin, Place, root } from "./shell.js";

const place = new Place();
afterAll(() => place.clear());

const alive = (pid: number): boolean => {
	try {
		// A process that has ended but was not reaped (its parent is init, or a replacement for it) counts as gone.
		return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
	} catch {
		return false;
	}
};
const gone = async (pid: number): Promise<void> => {
	while (alive(pid)) await new Promise((resolve) => setTimeout(resolve, 10));
};

describe("the start of a session", () => {
	it("names sessions s1, s2, ... and prints what a shell needs, nothing else", () => {
		const first = place.run(["session", "start"]);
		expect(first.stdout).toBe("export IOMMUCTL_SESSION=s1\n");
		expect(first.stderr).toContain("session s1, kernel: ");
		expect(first.stderr).toContain("ends after 1 h without a command");
		expect(place.run(["session", "start", "--idle", "never"]).stdout).toBe("export IOMMUCTL_SESSION=s2\n");
		expect(JSON.parse(place.run(["session", "status", "s2", "--json"]).stdout)).toMatchObject({ idleLimit: null });
		place.run(["session", "stop", "s1"]);
		expect(place.run(["session", "start"]).stdout).toBe("export IOMMUCTL_SESSION=s1\n");
	});

	it.skipIf(spawnSync("script", ["--version"]).status !== 0)("tells a terminal how to join the session that was just started", () => {
		const command = `'${process.execPath}' '${bin}' session start --name joined --kernel sim`;
		const { stdout } = spawnSync("script", ["-qec", command, "/dev/null"], { env: place.env, encoding: "utf8", input: "" });
		expect(stdout).toContain("this shell is not in it yet: `export IOMMUCTL_SESSION=joined` joins it");
		place.run(["session", "stop", "joined"]);
	});

	it("fails if the name is taken, and says how to use or end that session", () => {
		place.start("taken");
		const again = place.run(["session", "start", "--name", "taken"]);
		expect(again).toMatchObject({ status: 2, stdout: "" });
		expect(again.stderr).toContain("session taken is running already");
		expect(again.stderr).toContain("export IOMMUCTL_SESSION=taken");
	});

	it("gives a name to one of several that want it at once", async () => {
		const place = new Place();
		const started = Array.from({ length: 4 }, () => place.begin(["session", "start", "--name", "one", "--kernel", "sim"], ""));
		const ends = await Promise.all(started.map(({ ended }) => ended));
		expect(ends.map(({ status }) => status).sort()).toEqual([0, 2, 2, 2]);
		expect(place.run(["ioas", "alloc", "-q"], { session: "one" }).stdout).toBe("1\n");
		expect(readdirSync(join(place.folder, "iommuctl"))).toEqual(["one.sock"]);
		place.clear();
	});

	it("reports what is wrong with the kernel, the trace, the machine and the command line", () => {
		const start = (...words: string[]) => place.run(["session", "start", "--name", "bad", ...words]);
		const cases: readonly (readonly [string[], number, string])[] = [
			[["--record", "/nowhere/trace.jsonl"], 2, "/nowhere/trace.jsonl cannot be written: ENOENT"],
			[["--record", bin], 2, "not an iommufd trace"],
			[["--machine", "toaster"], 2, "toaster"],
			[["--inject", "nothing:error=ENOMEM"], 2, "nothing"],
			[["--idle", "soon"], 2, '--idle: "soon" is not a length of time'],
			[["--name", "../x"], 2, "cannot be a session's name"],
		];
		for (const [words, status, text] of cases) {
			const ran = start(...words);
			expect([ran.status, ran.stdout], words.join(" ")).toEqual([status, ""]);
			expect(ran.stderr).toContain(text);
			expect(ran.stderr).not.toMatch(/^\s+at /m);
		}
		expect(existsSync(place.socket("bad"))).toBe(false);
	});

	it.skipIf(existsSync("/dev/iommu"))("says that the real kernel is not available", () => {
		const ran = place.run(["session", "start", "--kernel", "real"]);
		expect(ran).toMatchObject({ status: 3, stdout: "" });
		expect(ran.stderr).toContain("/dev/iommu");
	});

	it("refuses a folder that others have access to", () => {
		const other = new Place();
		mkdirSync(join(other.folder, "iommuctl"));
		chmodSync(join(other.folder, "iommuctl"), 0o777);
		const ran = other.run(["session", "start"]);
		expect(ran.status).toBe(3);
		expect(ran.stderr).toContain("is open to others (mode 777)");
		// A session there is not trusted either.
		const used = other.run(["ioas", "alloc"], { session: "s1" });
		expect(used.status).toBe(3);
		expect(used.stderr).toContain("is open to others (mode 777)");
		chmodSync(join(other.folder, "iommuctl"), 0o700);
		other.clear();
	});

	it("works in the temporary folder if there is no XDG_RUNTIME_DIR, links not followed", () => {
		const other = new Place();
		other.env.XDG_RUNTIME_DIR = undefined;
		other.env.TMPDIR = other.folder;
		expect(other.run(["session", "start"]).status).toBe(0);
		expect(readdirSync(join(other.folder, `iommuctl-${process.getuid?.()}`))).toEqual(["s1.sock"]);
		expect(other.run(["ioas", "alloc", "-q"], { session: "s1" }).stdout).toBe("1\n");
		other.run(["session", "stop", "--all"]);
		other.env.TMPDIR = join(other.folder, "trap");
		mkdirSync(other.env.TMPDIR);
		symlinkSync(join(other.folder, `iommuctl-${process.getuid?.()}`), join(other.env.TMPDIR, `iommuctl-${process.getuid?.()}`));
		expect(other.run(["session", "start"]).stderr).toContain("is not a folder");
		other.clear();
	});

	it("can inject faults into all later calls", () => {
		place.start("faulty", "--inject", "IOMMU_IOAS_ALLOC:error=ENOMEM:when=2");
		const statuses = [1, 2, 3].map(() => place.run(["ioas", "alloc", "-q"], { session: "faulty" }).status);
		expect(statuses).toEqual([0, 1, 0]);
		const later = place.run(["ioas", "alloc", "--inject", "IOMMU_IOAS_ALLOC:error=ENOMEM"], { session: "faulty" });
		expect(later.status).toBe(2);
		expect(later.stderr).toContain("session start");
	});

	it("leaves a process that holds on to no folder, terminal or pipe", () => {
		const pid = place.start("free");
		const read = (what: string) => place.shell(`readlink /proc/${pid}/${what}`).stdout.trim();
		expect(read("cwd")).toBe("/");
		for (const fd of [0, 1, 2]) expect(read(`fd/${fd}`)).toBe("/dev/null");
		expect(place.shell(`ps -o sid= -p ${pid}`).stdout.trim()).toBe(String(pid));
	});
});

describe("the end of a session", () => {
	it("by kill -9 is reported in one line that says how to go on, and the name is free again", async () => {
		const pid = place.start("dead");
		process.kill(pid, "SIGKILL");
		await gone(pid);
		const next = place.run(["ioas", "alloc"], { session: "dead" });
		expect(next).toMatchObject({ status: 3, stdout: "" });
		expect(next.stderr).toBe(
			'error: session dead was killed; eval "$(iommuctl session start --name dead)" starts it again, `unset IOMMUCTL_SESSION` goes on without it\n',
		);
		const json = place.run(["ioas", "alloc", "--json"], { session: "dead" });
		expect(JSON.parse(json.stdout)).toMatchObject({ schema: "iommuctl.error", kind: "environment", exit: 3 });
		// Commands that need no kernel still work, as do those that start a session again.
		expect(place.run(["struct", "show", "iommu_ioas_map"], { session: "dead" }).status).toBe(0);
		expect(place.run(["session", "start", "--name", "dead", "--kernel", "sim"], { session: "dead" }).stdout).toBe(
			"export IOMMUCTL_SESSION=dead\n",
		);
		expect(place.run(["ioas", "alloc", "-q"], { session: "dead" }).stdout).toBe("1\n");
	});

	it("by kill -9 while a command runs is reported by that command", async () => {
		const pid = place.start("cut");
		place.run(["fault", "alloc"], { session: "cut" });
		const waiting = place.begin(["fault", "read", "1", "--wait"], "cut");
		await place.until("cut", ({ running }) => running === 1);
		process.kill(pid, "SIGKILL");
		const ended = await waiting.ended;
		expect(ended.status).toBe(3);
		expect(ended.stderr).toContain("session cut ended while the command ran");
		expect(place.run(["session", "list"]).stdout).toMatch(/cut +was killed; its socket is removed/);
		expect(place.run(["session", "list"]).stdout).not.toContain("cut");
	});

	it("by stop cancels waiting commands, and a later command says that it is not running", async () => {
		const pid = place.start("over");
		place.run(["fault", "alloc"], { session: "over" });
		const waiting = place.begin(["fault", "read", "1", "--wait"], "over");
		await place.until("over", ({ running }) => running === 1);
		const stopped = place.run(["session", "stop"], { session: "over" });
		expect(stopped).toMatchObject({ status: 0, stdout: "unset IOMMUCTL_SESSION\n" });
		const ended = await waiting.ended;
		expect(ended.status).toBe(3);
		expect(ended.stderr).toContain("error: session over was stopped");
		await gone(pid);
		const next = place.run(["ioas", "alloc"], { session: "over" });
		expect(next.status).toBe(3);
		expect(next.stderr).toMatch(/^error: session over is not running \(stopped, or idle for too long\); .*unset IOMMUCTL_SESSION.*\n$/);
		expect(place.run(["session", "stop", "over"]).stderr).toContain("over was not running");
	});

	it("by SIGTERM is a stop", async () => {
		const pid = place.start("term");
		process.kill(pid, "SIGTERM");
		await gone(pid);
		expect(existsSync(place.socket("term"))).toBe(false);
	});

	it("comes by itself when it is idle, but not while a command waits", async () => {
		const pid = place.start("idle", "--idle", "1500ms");
		const ran = place.run(["run", "-"], { session: "idle", input: "queue = fault alloc\nfault read $queue --wait --timeout 2500ms\n" });
		expect(ran.status).toBe(1);
		expect(ran.stderr).toContain("nothing was queued within 2.5 s");
		await gone(pid);
		expect(existsSync(place.socket("idle"))).toBe(false);
	});

	it("by a bug is reported, with the file that says more, until the name is used again", async () => {
		const daemon = join(place.folder, "buggy.cjs");
		const code = `
			import { runDaemon } from "./src/session/daemon.js";
			const runner = () => async () => { setTimeout(() => { throw new Error("the bug"); }); return 0; };
			void runDaemon({ name: "buggy", idle: 0, setup: {} }, "0.1.0", async () => ({ kernel: "none", dispose() {}, runner }));`;
		buildSync({ stdin: { contents: code, resolveDir: root }, bundle: true, platform: "node", format: "cjs", outfile: daemon });
		const child = spawn(process.execPath, [daemon], { env: place.env, stdio: ["ignore", "ignore", "pipe"] });
		const ended = new Promise((resolve) => child.once("exit", resolve));
		await new Promise((resolve) => child.stderr?.once("data", resolve));
		place.run(["ioas", "alloc"], { session: "buggy" });
		expect(await ended).toBe(4);
		const next = place.run(["ioas", "alloc"], { session: "buggy" });
		expect(next.status).toBe(3);
		expect(next.stderr).toContain("session buggy ended by an internal error, a bug in iommuctl (Error: the bug; more in ");
		expect(readFileSync(join(place.folder, "iommuctl/buggy.crash"), "utf8")).toContain("buggy.cjs");
		place.start("buggy");
		expect(existsSync(join(place.folder, "iommuctl/buggy.crash"))).toBe(false);
	});

	it("by --force ends one that does not answer", async () => {
		const pid = place.start("stuck");
		process.kill(pid, "SIGSTOP");
		const forced = place.run(["session", "stop", "stuck", "--force"]);
		expect(forced.stderr).toContain("stuck was busy and was killed");
		await gone(pid);
		expect(existsSync(place.socket("stuck"))).toBe(false);
	});
});

describe("the record of a session", () => {
	it("replays without a difference, on the machine it was made on", () => {
		const file = join(place.folder, "work.jsonl");
		place.start("taped", "--record", file, "--machine", "smmuv3");
		for (const words of [
			"ioas alloc",
			"device bind vfio0",
			"mem alloc 64k",
			"ioas map 1 --iova 0x10000 --length 64k --user-va 0x7f0000000000",
		]) {
			place.run(words.split(" "), { session: "taped" });
		}
		place.run(["run", "-"], { session: "taped", input: "queue = fault alloc\nexpect EBUSY destroy 1\n" });
		place.run(["session", "stop", "taped"]);
		const replayed = place.run(["replay", file]);
		expect(replayed.stdout).toMatch(/1 programs, ([5-9]|\d\d+) steps, 0 differing/);
		expect(replayed.status).toBe(0);
		// Another session appends.
		place.start("taped", "--record", file, "--machine", "smmuv3");
		place.run(["ioas", "alloc"], { session: "taped" });
		place.run(["session", "stop", "taped"]);
		expect(place.run(["replay", file]).stdout).toContain("2 programs");
	});

	it("is complete up to the last call of a session that is killed, without the polling of --wait", async () => {
		const file = join(place.folder, "killed.jsonl");
		const pid = place.start("taped2", "--record", file);
		place.run(["fault", "alloc"], { session: "taped2" });
		place.run(["fault", "read", "1", "--wait", "--timeout", "100ms"], { session: "taped2" });
		process.kill(pid, "SIGKILL");
		await gone(pid);
		expect(readFileSync(file, "utf8")).not.toContain('"poll"');
		const replayed = place.run(["replay", file]);
		expect(replayed.stdout).toMatch(/1 programs, 1 steps, 0 differing/);
	});
});
