/** Races tests on the real kernel. */
import type { Exploration } from "../../../../litmus/index.js";
import type { Invocation } from "../../../frame/command.js";
import type { Seen } from "./judge.js";
import type { ReadTest } from "./record.js";

export async function realRounds(_inv: Invocation, _o: { seed: number }): Promise<{ run(read: ReadTest, exploration: Exploration): Promise<Seen> }> {
	throw new Error("todo");
}
