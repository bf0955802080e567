/** A thread of a race: what `litmus` starts on the real kernel. */
import { parentPort } from "node:worker_threads";
import { KernelLog, openRealKernel, openSharedMemory, pinThread } from "../kernel/real/index.js";
import {
	type Counted,
	type LeadOptions,
	type Led,
	type LitmusTest,
	lead,
	outcomeKey,
	type RacerData,
	race,
	type SetupMemory,
} from "../litmus/index.js";
import { markPrefix } from "./frame/mark.js";

interface Common {
	/** the shared memory: its file and its bytes */
	readonly shared: { readonly fd: number; readonly size: number };
	/** the CPU that it stays on */
	readonly cpu?: number;
	/** what the setup maps: the thread may write it and unmap it */
	readonly memory: readonly SetupMemory[];
}

export interface FollowerData extends Common, RacerData {
	readonly role: "follow";
}

export interface LeaderData extends Common {
	readonly role: "lead";
	readonly test: LitmusTest;
	readonly options: Omit<LeadOptions, "novel" | "sofar">;
	/** marks in the kernel's log */
	readonly mark: boolean;
}

/** What the leading thread says: at the end, and about once a second before it. */
export type Said = { readonly led: Led } | { readonly sofar: { readonly outcomes: readonly Counted[]; readonly rounds: number } };

/** Races one test after another, as they are handed to the thread. */
export function runThread(): void {
	parentPort?.on("message", (data: FollowerData | LeaderData) => {
		if (data.cpu !== undefined) pinThread(data.cpu);
		const { bytes, ...signal } = openSharedMemory(data.shared.fd, data.shared.size);
		if (data.role === "lead") return leadTest(data, bytes, signal);
		race(data, bytes, signal, () => {
			const kernel = openRealKernel();
			for (const { addr, length, prot } of data.memory) kernel.adoptMemory(addr, length, prot);
			return kernel;
		});
	});
}

function leadTest({ test, options, mark }: LeaderData, bytes: Uint8Array, signal: Parameters<typeof lead>[2]): void {
	const say = (said: Said): void => parentPort?.postMessage(said);
	const log = mark ? new KernelLog() : undefined;
	const marking = log && {
		novel: (round: number, outcome: Counted["outcome"]) =>
			log.mark(`${markPrefix}litmus ${test.file}: round ${round}: ${outcomeKey(outcome)}`),
	};
	say({
		led: lead(test, bytes, signal, openRealKernel(), {
			...options,
			...marking,
			sofar(outcomes, rounds) {
				log?.mark(`${markPrefix}litmus ${test.file}: round ${rounds}`);
				say({ sofar: { outcomes, rounds } });
			},
		}),
	});
}
