/** The data structures of the RISC-V IOMMU: registers, device and process contexts, page table entries, commands, fault and page request records. */
export * from "./commands.js";
export * from "./contexts.js";
export * from "./faults.js";
export * from "./page-requests.js";
export * from "./page-tables.js";
export * from "./registers.js";
