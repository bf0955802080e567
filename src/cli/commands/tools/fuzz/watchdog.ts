/** A thread that says which program hangs when the kernel does not come back from a call, and ends the process. */
import { Worker } from "node:worker_threads";

// The main thread is inside the kernel then, and nothing that it has to do is ever done.
const watcher = `
const { workerData: { shared, limit, file } } = require("node:worker_threads");
const { writeSync } = require("node:fs");
const [TURN, NUMBER] = [0, 1];
for (;;) {
	const turn = Atomics.load(shared, TURN);
	if (Atomics.wait(shared, TURN, turn, limit) !== "timed-out" || turn === 0) continue;
	const kept = file === undefined ? "" : "; it is kept in " + file;
	writeSync(2, "failed  program " + shared[NUMBER] + " hangs: no call came back for " + limit / 1000 + " s" + kept + "\\n");
	process.kill(process.pid, "SIGKILL");
}`;

export interface Watchdog {
	/** A program begins. */
	turn(number: number): void;
	/** It, or a part of it, is run once more, as for the fewest steps of a finding; that may take long, but each run is short. */
	again(): void;
	/** No program runs until the next one begins. */
	rest(): void;
	end(): void;
}

/**
 * @param limit in ms
 * @param file where the program is kept, for the message
 */
export function watchdog(limit: number, file?: string): Watchdog {
	const shared = new Int32Array(new SharedArrayBuffer(8));
	const worker = new Worker(watcher, { eval: true, workerData: { shared, limit, file } });
	worker.unref();
	let turns = 0;
	const next = (value: number): void => {
		Atomics.store(shared, 0, value);
		Atomics.notify(shared, 0);
	};
	const again = (): void => {
		turns = turns === 0x7fff_ffff ? 1 : turns + 1;
		next(turns);
	};
	return {
		turn(number) {
			shared[1] = number;
			again();
		},
		again,
		rest: () => next(0),
		end() {
			next(0);
			void worker.terminate();
		},
	};
}
