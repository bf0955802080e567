/** `litmus --c`. */
import type { Invocation } from "../../../frame/command.js";
import type { Outcome } from "../../../frame/exit.js";
import type { ReadTest } from "./record.js";

export async function exportC(_inv: Invocation, _read: ReadTest, _to: string, _limit: number, _seed: number): Promise<Outcome> {
	throw new Error("todo");
}
