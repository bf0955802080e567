/** The parsed declarations of a header, before anything is laid out. */
import type { KernelDoc } from "./kernel-doc.js";
import type { Token } from "./tokens.js";

export interface EnumTree {
	readonly kind: "enum";
	/** "" without a name */
	readonly name: string;
	readonly line: number;
	readonly entries: readonly {
		readonly name: string;
		readonly value?: readonly Token[];
		readonly line: number;
		readonly added?: boolean;
	}[];
	readonly doc?: KernelDoc;
	/** of a diff: only a part of it was there to read */
	readonly partial?: boolean;
}

/** A member's type: a number's by its C name, or what it refers to or holds. */
export type TypeTree =
	| { readonly kind: "number"; readonly name: string }
	| { readonly kind: "pointer" }
	| { readonly kind: "enum"; readonly name: string }
	| { readonly kind: "named"; readonly what: "struct" | "union"; readonly name: string }
	| AggregateTree;

export interface MemberTree {
	/** "" for an anonymous struct or union, or unnamed bits */
	readonly name: string;
	readonly type: TypeTree;
	/** lengths of arrays, outermost first; without tokens for a flexible one */
	readonly dimensions: readonly (readonly Token[])[];
	/** the width of a bit field */
	readonly width?: readonly Token[];
	readonly line: number;
	/** a comment beside it or in front of it */
	readonly note?: string;
	readonly added?: boolean;
	/** constants that are defined right after it */
	readonly defines: readonly string[];
}

export interface AggregateTree {
	readonly kind: "struct" | "union";
	readonly name: string;
	readonly line: number;
	readonly members: readonly MemberTree[];
	readonly packed: boolean;
	readonly doc?: KernelDoc;
	readonly partial?: boolean;
	/** of a diff: members that it removes */
	readonly removed?: readonly string[];
}

export interface DefineTree {
	readonly kind: "define";
	readonly name: string;
	readonly value: readonly Token[];
	readonly line: number;
	/** the comment in front of it */
	readonly comment?: KernelDoc;
	/** it stands inside of a struct */
	readonly inside?: boolean;
	readonly added?: boolean;
}

export type Tree = EnumTree | AggregateTree | DefineTree;
