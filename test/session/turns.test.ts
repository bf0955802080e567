/** Tests of how the commands of a session take turns. */
import { describe, expect, it } from "vitest";
import { Cancelled } from "../../src/session/remote-io.js";
import { Sharing } from "../../src/session/sharing.js";
import { Turns } from "../../src/session/turns.js";

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe("turns", () => {
	it("are granted in the order of the requests, one at a time", async () => {
		const turns = new Turns();
		const log: string[] = [];
		const work = async (name: string) => {
			const handOn = await turns.take();
			log.push(`${name} begins`);
			await settled();
			log.push(`${name} ends`);
			handOn();
		};
		await Promise.all(["a", "b", "c"].map(work));
		expect(log).toEqual(["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]);
	});

	it("are given up while a command pauses, and regained afterwards", async () => {
		const turns = new Turns();
		const log: string[] = [];
		const never = new AbortController().signal;
		const waiter = new Sharing(turns, never);
		await waiter.begin();
		const waiting = waiter.pause(1).then(() => log.push("waiter"));
		const other = new Sharing(turns, never);
		await other.begin();
		log.push("other");
		// Longer than the pause: the waiter's pause is over, but it is not yet its turn.
		await new Promise((resolve) => setTimeout(resolve, 10));
		log.push("other still");
		other.end();
		await waiting;
		expect(log).toEqual(["other", "other still", "waiter"]);
		waiter.end();
	});

	it("of a cancelled command pass on to the next", async () => {
		const turns = new Turns();
		const handOn = await turns.take();
		const cancel = new AbortController();
		const gone = new Sharing(turns, cancel.signal).begin();
		const next = new Sharing(turns, new AbortController().signal);
		const mine = next.begin();
		cancel.abort(new Cancelled("gone"));
		handOn();
		await expect(gone).rejects.toThrow(Cancelled);
		await mine;
		next.end();
	});

	it("end a pause at once when the command is cancelled", async () => {
		const turns = new Turns();
		const cancel = new AbortController();
		const sharing = new Sharing(turns, cancel.signal);
		await sharing.begin();
		const pausing = sharing.pause(60_000);
		cancel.abort(new Cancelled("gone"));
		await expect(pausing).rejects.toThrow("gone");
		// Nobody has the turn now.
		(await turns.take())();
	});
});
