/** The data structures of Arm's SMMUv3: commands, events, stream table entries, context descriptors, identification registers. */
export * from "./commands.js";
export * from "./context-descriptor.js";
export * from "./event-words.js";
export * from "./events.js";
export * from "./queues.js";
export * from "./registers.js";
export * from "./stream-table.js";
export * from "./tegra241.js";
