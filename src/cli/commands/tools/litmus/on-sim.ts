/** Runs a test's orders on simulated kernels. */
import { replacedRequests } from "../../../../../structs/registry.js";
import { type Exploration, explore, SetupFailed, type Stage } from "../../../../litmus/index.js";
import { createSim, type Machine } from "../../../../sim/index.js";
import type { Invocation } from "../../../frame/command.js";
import { UsageError } from "../../../frame/exit.js";
import type { ReadTest } from "./record.js";

/** New simulated kernels with this machine, one for each order. */
export function stages({ common }: Invocation, machine: Machine): () => Stage {
	const replaced = replacedRequests();
	return () => ({ kernel: createSim({ machine, uapi: common.uapi, replaced }).newProcess() });
}

/** @throws UsageError if the setup fails */
export function explored(inv: Invocation, { test, machine }: ReadTest, options: { limit: number; seed: number }): Exploration {
	try {
		return explore(test, { stage: stages(inv, machine), ...options });
	} catch (error) {
		if (!(error instanceof SetupFailed)) throw error;
		throw new UsageError(`${test.file}:${error.line}: the setup answers ${error.entry.text}`, "every line of the setup has to succeed");
	}
}
