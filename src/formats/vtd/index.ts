/** The data structures of Intel's VT-d: descriptors, PASID directory and table entries, capability registers. */
export * from "./descriptors.js";
export * from "./fault-records.js";
export * from "./pasid-table.js";
export * from "./registers.js";
