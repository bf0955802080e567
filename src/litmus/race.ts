/** Watches a race from outside: how far it is, and who does not come back. */
import type { Led } from "./leader.js";
import { atWord, LEADING, type Raceable, ROUND, STARTED, shared } from "./shared.js";

export interface Raced extends Led {
	/** threads may still be in the kernel: only the end of the process ends them */
	readonly hanging: boolean;
}

export interface WatchOptions {
	/** ms after which a round counts as stuck */
	readonly patience: number;
	/** now and then: how many rounds have begun */
	readonly tell?: (rounds: number) => void;
	/** what the leading thread said last of its outcomes */
	readonly sofar: () => Pick<Led, "outcomes" | "rounds">;
}

/** ms between two looks */
const LOOK = 200;

/** @param led what the leading thread comes to */
export async function watchRace(
	test: Raceable,
	memory: Uint8Array,
	led: Promise<Led>,
	{ patience, tell, sofar }: WatchOptions,
): Promise<Raced> {
	const { control } = shared(test, memory);
	const start = performance.now();
	let round = -1;
	let since = start;
	return await new Promise((resolve, reject) => {
		const timer = setInterval(
			() => {
				const now = Atomics.load(control, ROUND);
				if (now !== round) {
					round = now;
					since = performance.now();
					tell?.(round);
				} else if (performance.now() - since > patience) {
					const stuck =
						round === 0 && control[LEADING] === 0 ? `only ${control[STARTED]} of the test's threads started` : whoIsIn(test, control);
					end({ ...sofar(), seconds: (performance.now() - start) / 1000, stuck: `round ${round}: ${stuck}`, hanging: true });
				}
			},
			Math.min(LOOK, patience),
		);
		const end = (raced: Raced): void => {
			clearInterval(timer);
			resolve(raced);
		};
		led.then(
			(done) => end({ ...done, hanging: false }),
			(error) => {
				clearInterval(timer);
				reject(error);
			},
		);
	});
}

function whoIsIn({ setup, threads, finally: last }: Raceable, control: Int32Array): string {
	const leading = control[LEADING];
	const lead = leading === 0 ? [] : [{ part: leading > 0 ? setup : last, at: Math.abs(leading) }];
	const racing = threads.map((part, thread) => ({ part, at: control[atWord(thread)] })).filter(({ at }) => at > 0);
	const where = [...lead, ...racing].map(({ part: { name, calls, lines }, at }) => {
		const { line } = calls[at - 1];
		return `${name}.${line + 1} (${lines[line].source}) does not return`;
	});
	return where.join(", ") || "a thread did not start";
}
