/** Runs a test's orders on simulated kernels. */
import { replacedRequests } from "../../../../../structs/registry.js";
import { injecting, parseInjection } from "../../../../kernel/inject.js";
import { type Exploration, explore, SetupFailed, type Stage } from "../../../../litmus/index.js";
import { createSim } from "../../../../sim/index.js";
import type { Invocation } from "../../../frame/command.js";
import { UsageError } from "../../../frame/exit.js";
import { allVisible, fingerprint } from "./fingerprint.js";
import type { ReadTest } from "./record.js";

/** New simulated kernels with this machine, one for each order. */
export function stages({ common }: Invocation, { machine, test }: Pick<ReadTest, "machine" | "test">): () => Stage {
	const replaced = replacedRequests();
	// A process's own memory cannot be seen.
	const visible = allVisible(test) && !test.threads.some(({ process }) => process);
	// Each order counts from its setup on.
	const injections = (common.inject ?? []).map(parseInjection);
	return () => {
		const sim = createSim({ machine, uapi: common.uapi, replaced });
		return { kernel: injecting(sim.newProcess(), injections), ...(visible && { fingerprint: () => fingerprint(sim) }) };
	};
}

/** @throws UsageError if the setup fails */
export function explored(inv: Invocation, read: ReadTest, options: { limit: number; seed: number }): Exploration {
	try {
		return explore(read.test, { stage: stages(inv, read), ...options });
	} catch (error) {
		if (!(error instanceof SetupFailed)) throw error;
		throw new UsageError(
			`${read.test.file}:${error.line}: the setup answers ${error.entry.text}`,
			"every line of the setup has to succeed",
		);
	}
}
