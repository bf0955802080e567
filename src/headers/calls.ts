/** Finds the calls of a header: their numbers, and the structs that they take. */
import { everyCall, type Ioctl, ioctlByRequest, type StructType } from "../../structs/index.js";
import type { ConstantTable } from "./constants.js";
import { ExpressionError } from "./expression.js";
import { madeBy, withStruct } from "./merge.js";
import type { HeaderProblem } from "./problem.js";
import type { Token } from "./tokens.js";
import type { AggregateTree, DefineTree, Tree } from "./tree.js";

const MACROS: Readonly<Record<string, number>> = { _IO: 0, _IOW: 1, _IOR: 2, _IOWR: 3 };

/** Whether a #define is a call's number. */
export const isCall = ({ value }: DefineTree): boolean => Object.hasOwn(MACROS, value[0]?.text) && value[1]?.text === "(";

/** What the calls of a header are looked up in. */
export interface Declared {
	readonly file: string;
	readonly table: ConstantTable;
	/** every tree of the header, in order */
	readonly trees: readonly Tree[];
	struct(name: string): StructType | undefined;
}

/** A call as a header has it. */
export interface HeaderCall {
	readonly name: string;
	readonly request: number;
	readonly struct: StructType | undefined;
	/** its row, unless it is as it was declared */
	readonly row?: Ioctl;
}

/** A header's calls. */
export function callsOf(declared: Declared, problems: HeaderProblem[]): HeaderCall[] {
	const { trees } = declared;
	const defines = trees.filter((tree): tree is DefineTree => tree.kind === "define" && isCall(tree));
	const own = new Set(defines.map(({ name }) => name));
	const lost = new Set(problems.map((problem) => problem.lost));
	return defines.flatMap((define) => {
		try {
			const call = callFor(define, declared, own);
			if (call.row?.struct === null && lost.has(define.name.toLowerCase()))
				problems.push({ line: define.line, message: `${define.name}: its struct was left out, so it has no fields; raw sends any bytes` });
			return [call];
		} catch (error) {
			if (!(error instanceof ExpressionError)) throw error;
			problems.push({ line: define.line, message: `${define.name}: ${error.message}` });
			return [];
		}
	});
}

function callFor(define: DefineTree, declared: Declared, own: ReadonlySet<string>): HeaderCall {
	const { name } = define;
	const [type, nr, argument] = argumentsOf(define.value);
	if (nr === undefined) throw new ExpressionError("a type and a number are expected in the brackets");
	const number = Number(declared.table.value(nr));
	const letter = Number(declared.table.value(type));
	if (number < 0 || number > 0xff || letter < 0 || letter > 0xff) throw new ExpressionError("a request's type and number have 8 bits each");
	const struct = structFor(define, declared);
	const old = everyCall().find((one) => one.name === name);
	const direction = MACROS[define.value[0].text];
	const sent = direction === 0 ? 0 : (struct?.size ?? sizeOf(argument, define));
	const request = ((direction << 30) | (sent << 16) | (letter << 8) | number) >>> 0;
	const call = { name, request, struct };
	// A declared call without a struct takes one of no fixed length: that is as good as the header's.
	if (old !== undefined && old.request === request && (old.struct === null || old.struct === struct || struct === undefined)) return call;
	if (old !== undefined) return { ...call, row: { ...withStruct(old, struct ?? null), request, nr: number } };
	const there = ioctlByRequest(request, name.startsWith("VFIO_DEVICE_") ? "device" : "context");
	const replaces =
		there !== undefined && there.name !== name && !own.has(there.name) && kindOf(there.name) === kindOf(name) ? there.name : undefined;
	const makes = struct ? madeBy(struct) : [];
	const size = struct?.size ?? 0;
	const row: Ioctl = {
		name,
		request,
		nr: number,
		struct: struct ?? null,
		size,
		minSize: size,
		header: declared.file,
		...(replaces && { replaces }),
		...(makes.length > 0 && { makes }),
	};
	return { ...call, row };
}

/** The kind of file that a call is for: the same number means something else on another one. */
function kindOf(name: string): string {
	if (name.startsWith("VFIO_DEVICE_")) return "device";
	return name.startsWith("VFIO_GROUP_") ? "group" : "context";
}

/** What stands between the commas of a macro's brackets. */
function argumentsOf(value: readonly Token[]): (readonly Token[])[] {
	const found: Token[][] = [[]];
	let depth = 0;
	for (const token of value.slice(2, -1)) {
		if (token.text === "," && depth === 0) {
			found.push([]);
			continue;
		}
		depth += token.text === "(" ? 1 : token.text === ")" ? -1 : 0;
		found[found.length - 1].push(token);
	}
	return found;
}

const SIZES: Readonly<Record<string, number>> = { __u8: 1, __u16: 2, __u32: 4, __s32: 4, int: 4, __u64: 8, __s64: 8, __aligned_u64: 8 };

function sizeOf(argument: readonly Token[] | undefined, { name }: DefineTree): number {
	const type = argument?.map(({ text }) => text).join(" ") ?? "";
	if (Object.hasOwn(SIZES, type)) return SIZES[type];
	throw new ExpressionError(`the type "${type}" of ${name} is not known`);
}

/**
 * The struct of a call: the one that the macro or the comments name, the one that says it is the call's, the one that is
 * called like it, or the one right in front of it.
 */
function structFor(define: DefineTree, { trees, struct }: Declared): StructType | undefined {
	const { name, comment, value } = define;
	const before = trees[trees.indexOf(define) - 1];
	const within = value.findIndex(({ text }) => text === "struct");
	if (within >= 0) return struct(value[within + 1].text);
	const structs = trees.filter((tree): tree is AggregateTree => tree.kind === "struct" && tree.name !== "");
	const about = structs.find(({ doc }) => doc?.name === name);
	const said = /_IO[RW]*\(([^)]*)\)/.exec((comment?.name === name ? comment : about?.doc)?.brief ?? "");
	if (said) {
		const named = /\bstruct\s+(\w+)/.exec(said[1])?.[1];
		// VFIO's comments have names that its structs do not have any more.
		return named === undefined ? undefined : (struct(named) ?? (about && struct(about.name)));
	}
	const own = structs.find(({ doc }) => doc !== undefined && new RegExp(`ioctl\\(${name}\\)`).test(doc.brief));
	if (own) return struct(own.name);
	return struct(name.toLowerCase()) ?? (before?.kind === "struct" && /^IOMMU/.test(name) ? struct(before.name) : undefined);
}
