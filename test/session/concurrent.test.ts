/** Tests of several commands at once in one session. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Place } from "./shell.js";

const place = new Place();
beforeAll(() => {
	place.start("main", "--machine", "selftest");
});
afterAll(() => place.clear());

/** A mock device that faults into a queue. @returns the IDs of the device, the queue, and a page table to attach */
function faultingDevice(): { device: string; queue: string } {
	const { stdout } = place.run(["run", "-", "--json"], {
		session: "main",
		input: [
			"ioas = ioas alloc",
			"device = selftest mock-domain $ioas",
			"parent = hwpt alloc $device.idev_id $ioas --flags NEST_PARENT",
			"queue = fault alloc",
			"nested = hwpt alloc $device.idev_id $parent --selftest iotlb=0 --fault-id $queue",
			"selftest mock-domain-replace $device $nested",
		].join("\n"),
	});
	const answers = stdout
		.trim()
		.split("\n")
		.map((line) => JSON.parse(line) as { name?: string; id?: number; answer: { mock_domain?: { out_idev_id: number } } });
	const made = (name: string) => answers.find((one) => one.name === name);
	return { device: String(made("device")?.answer.mock_domain?.out_idev_id), queue: String(made("queue")?.id) };
}

describe("commands at once", () => {
	it("are all served, none between the calls of another", async () => {
		const before = Number(place.run(["ioas", "alloc", "-q"], { session: "main" }).stdout);
		const begun = Array.from({ length: 8 }, () => place.begin(["ioas", "alloc", "-q"], "main"));
		const ids = (await Promise.all(begun.map(({ ended }) => ended))).map(({ stdout }) => Number(stdout));
		expect(ids.sort((a, b) => a - b)).toEqual(Array.from({ length: 8 }, (_, at) => before + 1 + at));
	});

	it("go on while one waits for a fault, which gets it when it comes", async () => {
		const { device, queue } = faultingDevice();
		const waiting = place.begin(["fault", "read", queue, "--wait", "--timeout", "60s", "--json"], "main");
		await place.until("main", ({ running }) => running === 1);
		expect(place.run(["ioas", "alloc", "-q"], { session: "main" }).status).toBe(0);
		expect(
			place.run(["selftest", "trigger-iopf", device, "--grpid", "7", "--perm", "1", "--addr", "0x5000"], { session: "main" }).stderr,
		).not.toContain("error");
		const got = await waiting.ended;
		expect(got.status).toBe(0);
		expect(JSON.parse(got.stdout)).toMatchObject({ details: { messages: [{ grpid: 7, addr: "0x5000" }] } });
	});

	it("go on while one waits for its stdin, and while one waits for an event", async () => {
		const slow = place.begin(["run", "-", "-q"], "main");
		await place.until("main", ({ running }) => running === 1);
		const made = place.run(["run", "-", "--json"], {
			session: "main",
			input: [
				"ioas = ioas alloc",
				"device = selftest mock-domain $ioas",
				"parent = hwpt alloc $device.idev_id $ioas --flags NEST_PARENT",
				"viommu = viommu alloc $device.idev_id $parent --type SELFTEST",
				"vdevice alloc $viommu $device.idev_id 0x99",
				"nested = hwpt alloc $device.idev_id $viommu --selftest iotlb=0",
				"selftest mock-domain-replace $device $nested",
				"events = veventq alloc $viommu --type SELFTEST --veventq-depth 2",
			].join("\n"),
		});
		const last = made.stdout
			.trim()
			.split("\n")
			.slice(0, -1)
			.map((line) => JSON.parse(line) as { name?: string; id: number; answer: { mock_domain?: { out_idev_id: number } } });
		const events = String(last.find(({ name }) => name === "events")?.id);
		const device = String(last.find(({ name }) => name === "device")?.answer.mock_domain?.out_idev_id);
		const waiting = place.begin(["veventq", "read", events, "--wait"], "main");
		await place.until("main", ({ running }) => running === 2);
		const triggered = place.run(["selftest", "trigger-vevent", device], { session: "main" });
		expect(triggered.status).toBe(0);
		expect((await waiting.ended).stdout).toContain("1 event read");
		slow.child.stdin?.end("ioas alloc\n");
		expect((await slow.ended).status).toBe(0);
	});

	it("give up after --timeout with exit 1; --timeout alone is refused", () => {
		const queue = place.run(["fault", "alloc", "-q"], { session: "main" }).stdout.trim();
		const ran = place.run(["fault", "read", queue, "--wait", "--timeout", "20ms", "--json"], { session: "main" });
		expect(ran.status).toBe(1);
		expect(JSON.parse(ran.stdout)).toMatchObject({ command: "fault read", ok: false, problem: "nothing was queued within 20 ms" });
		const alone = place.run(["fault", "read", queue, "--timeout", "20ms"], { session: "main" });
		expect(alone.status).toBe(2);
	});

	it("outside of a session do not wait for what cannot come", () => {
		const ran = place.run(["run", "-", "--kernel", "sim"], { input: "queue = fault alloc\nfault read $queue --wait\n" });
		expect(ran.status).toBe(1);
		expect(ran.stderr).toContain("no other command uses this simulated kernel");
	});
});

describe("Ctrl-C", () => {
	beforeAll(() => {
		place.start("other", "--machine", "selftest");
	});

	it("ends a command that waits, and the session lives on", async () => {
		const queue = place.run(["fault", "alloc", "-q"], { session: "other" }).stdout.trim();
		for (const signal of ["SIGINT", "SIGKILL"] as const) {
			const waiting = place.begin(["fault", "read", queue, "--wait"], "other");
			await place.until("other", ({ running }) => running === 1);
			waiting.child.kill(signal);
			expect((await waiting.ended).signal).toBe(signal);
			await place.until("other", ({ running }) => running === 0);
		}
		expect(place.run(["ioas", "alloc", "-q"], { session: "other" }).status).toBe(0);
	});

	it("ends a script between two of its lines", async () => {
		const { commands } = JSON.parse(place.run(["session", "status", "other", "--json"]).stdout) as { commands: number };
		const first = Number(place.run(["ioas", "alloc", "-q"], { session: "other" }).stdout);
		const long = place.begin(["run", "-", "-q"], "other");
		const count = 200_000;
		long.child.stdin?.end("ioas alloc\n".repeat(count));
		await place.until("other", ({ running }) => running === 1);
		long.child.kill("SIGINT");
		expect((await long.ended).signal).toBe("SIGINT");
		await place.until("other", ({ running, commands: served }) => running === 0 && served >= commands + 2);
		const next = Number(place.run(["ioas", "alloc", "-q"], { session: "other" }).stdout);
		expect(next - first).toBeLessThan(count);
	});
});
