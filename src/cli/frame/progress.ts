/** A progress line on the terminal. */
import type { Sink } from "./io.js";

/** Work that is over sooner (ms) says nothing. */
const patience = 1000;
const between = 100;

export interface Progress {
	/** where the work is, a few words */
	tell(text: string): void;
	/** takes the line away again */
	end(): void;
}

/** Shows on a terminal how far long work has come; prints nothing elsewhere, or for short work. Pass stderr. */
export function progress(sink: Sink, now: () => number = () => performance.now()): Progress {
	const start = now();
	let last = start;
	let shown = false;
	return {
		tell(text) {
			const time = now();
			if (!sink.isTTY || time - start < patience || (shown && time - last < between)) return;
			last = time;
			shown = true;
			sink.write(`\r\u001b[K${text.slice(0, Math.max(10, (sink.columns ?? 80) - 1))}`);
		},
		end() {
			if (shown) sink.write("\r\u001b[K");
			shown = false;
		},
	};
}
