/** What a context holds, as plain values: another thread works on a copy of it. */
import type { FunctionNode } from "../../script/index.js";
import type { QueueFile, Region } from "./context.js";
import type { Outcome } from "./exit.js";
import { mergeMap } from "./merge.js";

/** The maps that commands change; the context's own, not copies. */
export interface Held {
	readonly variables: Map<string, Outcome>;
	readonly functions: Map<string, FunctionNode>;
	readonly queues: Map<number, QueueFile>;
	readonly regions: Map<bigint, Region>;
	readonly deviceIds: Map<string, number>;
	readonly devices: Map<string, number>;
	readonly deviceFiles: Set<number>;
}

/** Changes what a context holds as a copy was changed. */
export function mergeHeld(target: Held, before: Held, after: Held): void {
	mergeMap(target.variables, before.variables, after.variables);
	mergeMap(target.functions, before.functions, after.functions);
	mergeMap(target.queues, before.queues, after.queues);
	mergeMap(target.regions, before.regions, after.regions);
	mergeMap(target.deviceIds, before.deviceIds, after.deviceIds);
	mergeMap(target.devices, before.devices, after.devices);
	for (const fd of after.deviceFiles) target.deviceFiles.add(fd);
}

/** Fills what a new context holds. */
export function fillHeld(target: Held, from: Held): void {
	const nothing = new Map();
	mergeMap(target.variables, nothing, from.variables);
	mergeMap(target.functions, nothing, from.functions);
	mergeMap(target.queues, nothing, from.queues);
	mergeMap(target.regions, nothing, from.regions);
	mergeMap(target.deviceIds, nothing, from.deviceIds);
	mergeMap(target.devices, nothing, from.devices);
	for (const fd of from.deviceFiles) target.deviceFiles.add(fd);
}
