/** Reads the pinned facts about Linux 7.3's uAPI. */
import { readFileSync } from "node:fs";

export interface FactField {
	readonly name: string | null;
	readonly kind?: "union" | "struct";
	readonly type?: string;
	readonly offset: number;
	readonly size: number;
	readonly members?: readonly FactField[];
}

export interface Facts {
	readonly ioctls: Readonly<Record<string, { request: number; struct: string | null; size?: number; min_size?: number; since?: string }>>;
	readonly structs: Readonly<Record<string, { size: number; fields: readonly FactField[] }>>;
	readonly enums: Readonly<Record<string, { values: Readonly<Record<string, number>> }>>;
}

/** What a compiled kernel's debug information says. */
export const facts = JSON.parse(readFileSync(new URL("../fixtures/iommufd-7.3.json", import.meta.url), "utf8")) as Facts;
