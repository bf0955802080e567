/** Fields that most structs share. */
import { u32 } from "./dsl.js";

/** The first field of an iommufd command: the struct's size as the caller knows it; the kernel tells versions of the struct apart by it. */
export const size = u32.as("size").note("size of the struct as the caller knows it");
/** A flags word in which no bit is defined yet. */
export const noFlags = u32.note("no flag is defined: must be zero");
export const reserved = u32;
