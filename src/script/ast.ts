/** A script as a tree. */
import type { Expression } from "../../structs/arithmetic.js";
import type { Part } from "./lines.js";
import type { Word } from "./tokens.js";

/** Where a statement stands: line and column from 1. Offsets in its expressions are offsets in its line. */
export interface Placed {
	readonly file: string;
	readonly line: number;
	readonly column: number;
	/** as written, continuation lines joined; of a block: its first line */
	readonly source: string;
	/** the offset of its first character in its line, continuation lines joined */
	readonly start: number;
	/** where these begin, if there are some */
	readonly parts?: readonly Part[];
}

/** A command, a call of a function, a heading (`echo`) or a requirement (`require`). */
export interface Statement extends Placed {
	readonly kind: "command";
	/** `name = ...`: keeps what the command answers as `$name` */
	readonly name?: string;
	/** `expect ERRNO ...` or `expect ERRNO|ERRNO ...` */
	readonly expect?: string;
	/** the command's own words, at least one */
	readonly words: readonly Word[];
	/** offsets of the words in the line; of `expect no warning` none */
	readonly places: readonly number[];
}

/** `let NAME = EXPRESSION` */
export interface Let extends Placed {
	readonly kind: "let";
	readonly name: string;
	readonly value: Expression;
}

/** `repeat COUNT { }` */
export interface Repeat extends Placed {
	readonly kind: "repeat";
	readonly count: Expression;
	readonly body: Block;
}

/** What `for` goes over: words, and ranges `FROM..LAST` (both included). */
export type Item = { readonly word: Word; readonly at: number } | { readonly from: Expression; readonly last: Expression };

/** `for NAME in ITEM... { }` */
export interface For extends Placed {
	readonly kind: "for";
	readonly name: string;
	readonly items: readonly Item[];
	readonly body: Block;
}

/** `if CONDITION { } else { }` */
export interface If extends Placed {
	readonly kind: "if";
	readonly condition: Expression;
	readonly body: Block;
	readonly otherwise: Block;
}

/** `function NAME PARAMETER... { }` */
export interface FunctionNode extends Placed {
	readonly kind: "function";
	readonly name: string;
	readonly parameters: readonly string[];
	readonly body: Block;
}

/** `parallel { } { }`: at least two blocks, whose lines take turns */
export interface Parallel extends Placed {
	readonly kind: "parallel";
	readonly branches: readonly Block[];
}

/** `process NAME { }`: another process with the same open files and memory of its own */
export interface ProcessNode extends Placed {
	readonly kind: "process";
	readonly name: string;
	readonly body: Block;
}

/** `finally { }`: the last one of its block; runs however the block ends */
export interface Finally extends Placed {
	readonly kind: "finally";
	readonly body: Block;
}

/** `sleep TIME` */
export interface Sleep extends Placed {
	readonly kind: "sleep";
	readonly time: Word;
	/** the time's offset in the line */
	readonly at: number;
}

/** Of a litmus test: `setup { }` and `thread NAME { }`. */
export interface Setup extends Placed {
	readonly kind: "setup";
	readonly body: Block;
}
export interface Thread extends Placed {
	readonly kind: "thread";
	readonly name: string;
	readonly body: Block;
}

/** Of a litmus test: `forbid CONDITION` and `require CONDITION`, over names such as `a.1.errno`. */
export interface Verdict extends Placed {
	readonly kind: "forbid" | "require";
	readonly condition: Expression;
}

export type Node = Statement | Let | Repeat | For | If | FunctionNode | Parallel | ProcessNode | Finally | Sleep | Setup | Thread | Verdict;
export type Block = readonly Node[];

/** The blocks inside a node. */
export function blocksOf(node: Node): readonly Block[] {
	switch (node.kind) {
		case "if":
			return [node.body, node.otherwise];
		case "parallel":
			return node.branches;
		case "repeat":
		case "for":
		case "function":
		case "process":
		case "finally":
		case "setup":
		case "thread":
			return [node.body];
		default:
			return [];
	}
}

/** Every node, blocks after what opens them. */
export function* walk(block: Block): Generator<Node> {
	for (const node of block) {
		yield node;
		for (const inner of blocksOf(node)) yield* walk(inner);
	}
}
