/** Blocks of a script whose lines take turns. */
import { UsageError } from "../../../frame/exit.js";
import type { Io, Sharing } from "../../../frame/io.js";

const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Hands the turn round, in the order in which it was asked for. */
class Baton {
	readonly #waiting: (() => void)[] = [];
	#held = false;

	async acquire(): Promise<void> {
		if (!this.#held) this.#held = true;
		else await new Promise<void>((resolve) => this.#waiting.push(resolve));
	}

	release(): void {
		const next = this.#waiting.shift();
		if (next) next();
		else this.#held = false;
	}
}

/**
 * Runs blocks side by side: the first line of each, then the second of each, and so on. A block that sleeps, or waits for an
 * event, lets the others go on. Ends when all have ended.
 * @param patient whether an event may come from outside
 */
export async function takeTurns(io: Io, patient: boolean, branches: readonly ((io: Io) => Promise<void>)[]): Promise<void> {
	const outer = io.sharing;
	const baton = new Baton();
	let alive = branches.length;
	let waiting = 0;
	const away = async (time: () => Promise<void>): Promise<void> => {
		baton.release();
		await time();
		await baton.acquire();
	};
	const sharing: Sharing = {
		async pause(ms) {
			if (++waiting === alive && !patient && !outer)
				throw new UsageError("no other block can queue what this line waits for: they have ended, or wait too", "--timeout limits a wait");
			await away(() => delay(ms));
			waiting--;
		},
		sleep: (ms) => away(() => delay(ms)),
		async checkpoint() {
			await outer?.checkpoint();
			await away(async () => {});
		},
	};
	const run = async (branch: (io: Io) => Promise<void>): Promise<void> => {
		await baton.acquire();
		try {
			await branch({ ...io, sharing });
		} finally {
			alive--;
			baton.release();
		}
	};
	const ended = await Promise.allSettled(branches.map(run));
	for (const one of ended) if (one.status === "rejected") throw one.reason;
}

/** Waits as `sleep` does: in a session, and between blocks that take turns, others go first. */
export async function sleep(io: Io, ms: number): Promise<void> {
	if (io.sharing?.sleep) await io.sharing.sleep(ms);
	else if (io.sharing) await io.sharing.pause(ms);
	else await delay(ms);
}
