/** Passes the signals that this process gets on to a program that it runs. */
import { readFileSync } from "node:fs";

const FORWARDED: readonly NodeJS.Signals[] = ["SIGTERM", "SIGHUP", "SIGUSR2", "SIGINT", "SIGQUIT"];

/**
 * Passes signals on to the process that `pid` names; while it names none, they are dropped. `takes` may see to one itself
 * and answer true. Returns how to stop that.
 */
export function forwardSignals(pid: () => number | undefined, takes: (signal: NodeJS.Signals) => boolean = () => false): () => void {
	const handlers = FORWARDED.map((signal): [NodeJS.Signals, () => void] => [
		signal,
		() => {
			const target = pid();
			// The keys of a terminal reach the program by themselves.
			if (target === undefined || ((signal === "SIGINT" || signal === "SIGQUIT") && hasTerminal())) return;
			if (takes(signal)) return;
			try {
				process.kill(target, signal);
			} catch {}
		},
	]);
	for (const [signal, handler] of handlers) process.on(signal, handler);
	return () => {
		for (const [signal, handler] of handlers) process.off(signal, handler);
	};
}

/** Whether this process is in the foreground of a terminal, whose keys then signal the program, too. */
function hasTerminal(): boolean {
	const fields = readFileSync("/proc/self/stat", "latin1").split(") ")[1].split(" ");
	return fields[2] === fields[5];
}
