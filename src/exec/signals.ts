/** Passes the signals that this process gets on to a program that it runs. */
import { readFileSync } from "node:fs";

const FORWARDED: readonly NodeJS.Signals[] = ["SIGTERM", "SIGHUP", "SIGUSR2", "SIGINT", "SIGQUIT"];

export interface Forwarding {
	/** The program runs: signals that came before are passed on now. */
	started(pid: number): void;
	stop(): void;
}

/** Passes signals on to a program once it runs. `takes` may see to one itself and answer true. */
export function forwardSignals(takes: (signal: NodeJS.Signals) => boolean = () => false): Forwarding {
	let target: number | undefined;
	const early: NodeJS.Signals[] = [];
	const pass = (signal: NodeJS.Signals): void => {
		if (target === undefined) {
			early.push(signal);
			return;
		}
		if (takes(signal)) return;
		try {
			process.kill(target, signal);
		} catch {}
	};
	const handlers = FORWARDED.map((signal): [NodeJS.Signals, () => void] => [
		signal,
		() => {
			// The keys of a terminal reach the program by themselves, once there is one.
			if (target === undefined || !((signal === "SIGINT" || signal === "SIGQUIT") && hasTerminal())) pass(signal);
		},
	]);
	for (const [signal, handler] of handlers) process.on(signal, handler);
	return {
		started(pid) {
			target = pid;
			for (const signal of early.splice(0)) pass(signal);
		},
		stop() {
			for (const [signal, handler] of handlers) process.off(signal, handler);
		},
	};
}

/** Whether this process is in the foreground of a terminal, whose keys then signal the program, too. */
function hasTerminal(): boolean {
	const fields = readFileSync("/proc/self/stat", "latin1").split(") ")[1].split(" ");
	return fields[2] === fields[5];
}
