/** Tests of sessions as a shell uses them. */
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { answer } from "../../src/session/frames.js";
import { execFrame, Place, speak } from "./shell.js";

const place = new Place();
beforeAll(() => {
	place.start("main", "--machine", "selftest");
});
afterAll(() => place.clear());

describe("a session in a shell", () => {
	it("keeps objects from one command to the next, for every shell that is in it", () => {
		const ran = place.shell(`
			eval "$(iommuctl session start --kernel sim 2>start.log || echo exit)"; rm -f start.log
			ioas=$(iommuctl ioas alloc -q)
			mem=$(iommuctl mem alloc 8k -q)
			iommuctl ioas map $ioas --iova 0x1000 --length 8k --user-va $mem -q
			bash -c '"$NODE" "$BIN" ioas unmap '$ioas' --iova 0x1000 --length 8k' 2>&1
			echo "in $IOMMUCTL_SESSION"
			eval "$(iommuctl session stop)"
			echo "then in \${IOMMUCTL_SESSION-none}"
		`);
		expect(ran.stdout).toContain("ok  IOMMU_IOAS_UNMAP");
		expect(ran.stdout).toContain("length=0x2000");
		expect(ran.stdout).toMatch(/in s1\nthen in none\n$/);
		expect(ran.status).toBe(0);
	});

	it("says which kernel answered, as text and in JSON", () => {
		const people = place.run(["ioas", "alloc"], { session: "main" });
		expect(people.stderr).toContain("simulated (machine selftest), session main");
		const { stdout, stderr } = place.run(["ioas", "alloc", "--json"], { session: "main" });
		expect(JSON.parse(stdout)).toMatchObject({ kernel: "sim", kernelDetail: "simulated (machine selftest), session main" });
		expect(stderr).toBe("");
	});

	it("keeps the documents' version apart from iommuctl's, and completes sessions' names", () => {
		expect(JSON.parse(place.run(["session", "status", "main", "--json"]).stdout)).toMatchObject({ version: 1, iommuctl: "0.1.0" });
		expect(JSON.parse(place.run(["session", "list", "--json"]).stdout).sessions[0]).toMatchObject({ name: "main", iommuctl: "0.1.0" });
		expect(place.run(["completion", "answer", "--", "session", "stop", "ma"]).stdout).toMatch(/^main\t/);
		const other = place.run(["session", "status", "other"], { session: "main" });
		expect(other.stderr).toContain("session list shows what is running");
		expect(other.stderr).not.toContain("unset");
	});

	it("gives back exit code, stdout and stderr apart", () => {
		const failed = place.run(["ioas", "unmap", "9999", "--iova", "0", "--length", "4k"], { session: "main" });
		expect(failed).toMatchObject({ status: 1, stdout: "" });
		expect(failed.stderr).toContain("ENOENT");
		expect(place.run(["ioas", "allok"], { session: "main" })).toMatchObject({ status: 2, stdout: "" });
		expect(place.run(["--version"], { session: "main" }).stdout).toBe("0.1.0\n");
	});

	it("reads files from where the command was typed, and the caller's stdin", () => {
		const folder = join(place.folder, "work");
		mkdirSync(folder);
		writeFileSync(join(folder, "lines.iommu"), "space = ioas alloc\ndestroy $space\n");
		const { stdout } = place.run(["run", "lines.iommu", "-q", "--json"], { session: "main", cwd: folder });
		expect(stdout).toContain('"file":"lines.iommu"');
		const piped = place.run(["run", "-"], { session: "main", input: "space = ioas alloc\nexpect ENOENT destroy 7777\n" });
		expect(piped.stdout).toContain("2 commands: 2 ok");
		const missing = place.run(["run", "lines.iommu"], { session: "main" });
		expect(missing).toMatchObject({ status: 2 });
		expect(missing.stderr).toContain("lines.iommu: no such file");
	});

	it("reads more from stdin than a pipe holds", () => {
		const lines = Array.from({ length: 20_000 }, (_, at) => `# line ${at} of a long script`).join("\n");
		expect(lines.length).toBeGreaterThan(1 << 19);
		expect(place.run(["run", "-"], { session: "main", input: `${lines}\nioas alloc\n` }).stdout).toContain("1 command: 1 ok");
	});

	it("gives back more than a pipe holds, complete, and ends quietly when the reader stops", () => {
		const count = 3000;
		const script = `${"echo a heading that is printed again and again\n".repeat(count)}ioas alloc\n`;
		const whole = place.run(["run", "-"], { session: "main", input: script });
		expect(whole.stdout.split("\n").filter((line) => line.startsWith("a heading"))).toHaveLength(count);
		const cut = place.shell(`export IOMMUCTL_SESSION=main
			for i in $(seq ${count}); do echo "echo a heading that is printed again and again"; done | iommuctl run - | head -1`);
		expect(cut).toMatchObject({ stdout: "a heading that is printed again and again\n", status: 0 });
		expect(cut.stderr).not.toContain("EPIPE");
	});

	it("reads what only the caller can open, even from a command of the same session", () => {
		const ran = place.shell(`export IOMMUCTL_SESSION=main
			iommuctl run <(echo "ioas alloc"; iommuctl ioas alloc -q >/dev/null 2>&1; echo "ioas alloc") 2>&1
			iommuctl run /dev/stdin <<< "ioas alloc" 2>&1
			iommuctl ioas alloc -q 2>/dev/null | sed 's/^/destroy /' | iommuctl run - 2>&1`);
		expect(ran.stdout).toContain("2 commands: 2 ok");
		expect(ran.stdout.match(/1 command: 1 ok/g)).toHaveLength(2);
	});

	it("prints for the caller's terminal", async () => {
		const got = (more: object) => speak(place.socket("main"), execFrame(["ioas", "alloc"], more));
		const coloured = (frames: { kind: string; text: string }[], kind: string) =>
			frames.some((one) => one.kind === kind && one.text.includes("\u001b["));
		const terminal = await got({ tty: [true, true], columns: [80, 80], env: { TERM: "xterm" } });
		expect([coloured(terminal, answer.stdout), coloured(terminal, answer.stderr)]).toEqual([true, true]);
		const piped = await got({ tty: [false, true], columns: [null, 80], env: { TERM: "xterm" } });
		expect([coloured(piped, answer.stdout), coloured(piped, answer.stderr)]).toEqual([false, true]);
		const plain = await got({ tty: [true, true], columns: [80, 80], env: { TERM: "xterm", NO_COLOR: "1" } });
		expect([coloured(plain, answer.stdout), coloured(plain, answer.stderr)]).toEqual([false, false]);
		const lines = async (columns: number) => {
			const help = await speak(
				place.socket("main"),
				execFrame(["ioas", "map", "--help"], { tty: [true, true], columns: [columns, columns] }),
			);
			return help
				.map(({ text }) => text)
				.join("")
				.split("\n").length;
		};
		expect(await lines(50)).toBeGreaterThan(await lines(150));
	});

	it("runs commands that do not concern its kernel in the caller's process", () => {
		const before = JSON.parse(place.run(["session", "status", "main", "--json"]).stdout) as { commands: number };
		const replayed = place.run(["replay", "absent.jsonl"], { session: "main" });
		expect(replayed.status).toBe(2);
		expect(replayed.stderr).not.toContain("session main");
		const after = JSON.parse(place.run(["session", "status", "--json"], { session: "main" }).stdout) as { commands: number };
		expect(after.commands).toBe(before.commands);
	});

	it("has one kernel: a request for another is refused, with how to get it", () => {
		for (const words of [
			["--kernel", "sim"],
			["--machine", "vtd"],
			["--fd", "3"],
		]) {
			const ran = place.run(["ioas", "alloc", ...words], { session: "main" });
			expect(ran.status).toBe(2);
			expect(ran.stderr).toContain("this shell is in session main, which has its kernel already");
			expect(ran.stderr).toContain("`IOMMUCTL_SESSION= iommuctl ...`");
		}
		const outside = place.shell("IOMMUCTL_SESSION=main; export IOMMUCTL_SESSION; IOMMUCTL_SESSION= iommuctl ioas alloc --kernel sim -q");
		expect(outside).toMatchObject({ status: 0, stdout: "1\n" });
	});

	it("is reached by name with exec, stdin too", () => {
		expect(place.run(["session", "exec", "main", "--", "ioas", "alloc", "-q"]).stdout).toMatch(/^\d+\n$/);
		const ran = place.run(["session", "exec", "main", "--", "run", "-", "--json"], { input: "expect ENOENT destroy 99999\n" });
		expect(ran.status).toBe(0);
		expect(ran.stdout).toContain('"kernelDetail":"simulated (machine selftest), session main"');
		expect(place.run(["session", "exec", "main", "--", "destroy", "99999"])).toMatchObject({ status: 1, stdout: "" });
	});

	it("is listed, with the shell's own marked", () => {
		const people = place.run(["session", "list"], { session: "main" });
		expect(people.stdout).toMatch(/^\* {2}main {2}simulated \(machine selftest\) {2}process \d+ {2}\d+ served {2}idle for /m);
		const json = JSON.parse(place.run(["session", "list", "--json"]).stdout) as { sessions: { name: string }[] };
		expect(json).toMatchObject({ schema: "iommuctl.sessions", version: 1 });
		expect(json.sessions.find(({ name }) => name === "main")).toMatchObject({
			state: "running",
			current: false,
			idleLimit: 3600,
			record: null,
		});
	});
});

describe("a session's socket", () => {
	it("can be opened only by its user", () => {
		const { mode } = statSync(place.socket("main"));
		expect(mode & 0o777).toBe(0o600);
		expect(statSync(join(place.folder, "iommuctl")).mode & 0o777).toBe(0o700);
	});

	it.skipIf(process.getuid?.() !== 0)("is closed to another user, who is told why", () => {
		const ran = place.shell(`
			chmod 755 "$XDG_RUNTIME_DIR"
			setpriv --reuid 65534 --regid 65534 --clear-groups "$NODE" -e '
				require("net").connect(process.argv[1]).on("error", (error) => console.log(error.code)).on("connect", () => console.log("connected"));
			' "$XDG_RUNTIME_DIR/iommuctl/main.sock"`);
		expect(ran.stdout).toBe("EACCES\n");
	});

	it("answers a caller of another version with what to do", async () => {
		for (const other of [{ version: "9.9.9" }, { protocol: 99 }]) {
			const got = await speak(place.socket("main"), execFrame(["ioas", "alloc"], other));
			expect(got.map(({ kind }) => kind)).toEqual([answer.stderr, answer.exit]);
			expect(got[0].text).toContain("session main was started by iommuctl 0.1.0, this is");
			expect(got[0].text).toContain("iommuctl session stop main");
			expect(got[1].text).toBe("3");
		}
	});

	it("survives garbage instead of a request", async () => {
		const overlong = Buffer.from([0x58, 0xff, 0xff, 0xff, 0xff]);
		const broken = Buffer.from([0x58, 2, 0, 0, 0, 0x7b, 0x5b]);
		expect(await speak(place.socket("main"), overlong)).toEqual([]);
		expect(await speak(place.socket("main"), Buffer.from("GET / HTTP/1.0\r\n\r\n"))).toEqual([]);
		expect((await speak(place.socket("main"), broken)).map(({ kind }) => kind)).toEqual([answer.stderr, answer.exit]);
		const odd = { argv: "ioas", tty: 1, columns: {} } as unknown as object;
		expect((await speak(place.socket("main"), execFrame([], odd))).map(({ kind }) => kind)).toEqual([answer.stderr, answer.exit]);
		expect(place.run(["ioas", "alloc", "-q"], { session: "main" }).status).toBe(0);
	});
});
