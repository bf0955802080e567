/** What AMD's IOMMU keeps in words: commands, device table entries, guest CR3 entries, feature registers. */
export * from "./commands.js";
export * from "./device-table.js";
export * from "./registers.js";
