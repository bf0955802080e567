/** The data structures of AMD's IOMMU: commands, device table entries, guest CR3 entries, event codes, feature registers. */
export * from "./commands.js";
export * from "./device-table.js";
export * from "./events.js";
export * from "./ppr.js";
export * from "./registers.js";
