/** Parses a header's tokens: enums, structs, unions and #defines. */
import { commentText, type KernelDoc, kernelDoc } from "./kernel-doc.js";
import { DeclarationError, type HeaderProblem } from "./problem.js";
import { type Code, Stream, shown, withComments } from "./stream.js";
import type { Token } from "./tokens.js";
import type { AggregateTree, DefineTree, EnumTree, MemberTree, Tree, TypeTree } from "./tree.js";

/** Words around a declaration that do not change what is laid out here. */
const IGNORED = new Set(["const", "volatile", "__user", "__bitwise", "__force", "__extension__", "__kernel"]);
/** Macros with arguments that follow a member. */
const IGNORED_CALLS = new Set(["__counted_by", "__counted_by_le", "__counted_by_be", "__nonstring"]);
const TYPE_WORDS = new Set(["unsigned", "signed", "int", "char", "short", "long"]);
const FLEXIBLE = new Set(["__DECLARE_FLEX_ARRAY", "DECLARE_FLEX_ARRAY"]);
const ASSERTIONS = new Set(["_Static_assert", "static_assert"]);

/** The declarations of one stretch of a header. What is not understood becomes a problem, and the next declaration is read. */
export function parse(tokens: readonly Token[], problems: HeaderProblem[]): Tree[] {
	return new Parser(new Stream(withComments(tokens)), problems).all();
}

class Parser {
	readonly #found: Tree[] = [];

	constructor(
		readonly stream: Stream,
		readonly problems: HeaderProblem[],
	) {}

	all(): Tree[] {
		const { stream } = this;
		while (!stream.ended) {
			const from = stream.peek();
			const { kind, text: lost } = stream.peek(1);
			const named = kind === "name";
			const where = /^(?:struct|union|enum)$/.test(from.text) ? `${from.text}${named ? ` ${lost}` : ""}` : "";
			try {
				this.#declaration();
			} catch (error) {
				if (!(error instanceof DeclarationError)) throw error;
				this.problems.push({
					line: error.line,
					message: `${error.message}${where && `; ${where} is left out`}`,
					...(from.text !== "enum" && named && { lost }),
				});
				// At least one token further, or it would stay there.
				if (stream.peek() === from) stream.next();
				stream.recover();
			}
		}
		return this.#found;
	}

	#declaration(): void {
		const { stream } = this;
		const token = stream.peek();
		if (token.kind === "define") {
			this.#found.push(...this.#define(false));
			return;
		}
		if (stream.take(";")) return;
		if (ASSERTIONS.has(token.text)) {
			stream.next();
			stream.group("(", ")");
			return;
		}
		const doc = docOf(token);
		if (token.text === "enum") {
			this.#found.push(this.#enum(doc));
			this.#end();
		} else if (token.text === "struct" || token.text === "union") {
			if (stream.peek(1).kind === "name" && stream.peek(2).text === ";") {
				stream.next();
				stream.next();
				return;
			}
			this.#found.push(this.#aggregate(doc));
			this.#end();
		} else throw new DeclarationError(token.line, `${shown(token)} does not begin an enum, a struct, a union or a #define`);
	}

	#end(): void {
		if (this.stream.ended) return;
		this.stream.expect(";");
	}

	/** A #define, unless it has arguments or no value. */
	#define(inside: boolean): DefineTree[] {
		const { line, define, before, added } = this.stream.next();
		if (!define?.value?.length) return [];
		const comment = before.at(-1);
		return [
			{
				kind: "define",
				name: define.name,
				value: define.value,
				line,
				...(comment !== undefined && { comment: kernelDoc(comment) }),
				...(inside && { inside }),
				...(added && { added }),
			},
		];
	}

	#enum(doc: KernelDoc | undefined): EnumTree {
		const { stream } = this;
		const { line } = stream.expect("enum");
		this.#attributes();
		const name = stream.peek().kind === "name" ? stream.next().text : "";
		const partial = partly(stream.expect("{"));
		const entries: EnumTree["entries"][number][] = [];
		for (;;) {
			while (stream.peek().kind === "define") this.#found.push(...this.#define(true));
			if (stream.ended) return { kind: "enum", name, line, entries, doc, partial: true };
			if (stream.take("}")) break;
			const entry = stream.name("the name of a constant");
			this.#attributes();
			const value: Token[] = [];
			if (stream.take("=")) {
				while (!stream.ended && ![",", "}"].includes(stream.peek().text)) {
					if (stream.peek().text === "(") value.push(paren("(", entry), ...stream.group("(", ")"), paren(")", entry));
					else value.push(stream.next());
				}
			}
			entries.push({ name: entry.text, line: entry.line, ...(value.length > 0 && { value }), ...(entry.added && { added: true }) });
			if (!stream.take(",") && stream.peek().text !== "}" && !stream.ended)
				throw new DeclarationError(stream.peek().line, `enum ${name}: ${shown(stream.peek())} where a , is expected`);
		}
		this.#attributes();
		return { kind: "enum", name, line, entries, ...(doc && { doc }), ...(partial && { partial }) };
	}

	#aggregate(doc?: KernelDoc): AggregateTree {
		const { stream } = this;
		const { text, line } = stream.next();
		const kind = text as "struct" | "union";
		let packed = this.#attributes();
		const name = stream.peek().kind === "name" ? stream.next().text : "";
		const partial = partly(stream.expect("{"));
		const members: MemberTree[] = [];
		const made = (cut: boolean): AggregateTree => ({
			kind,
			name,
			line,
			members,
			packed,
			...(doc && { doc }),
			...(cut && { partial: true }),
		});
		for (;;) {
			if (stream.peek().kind === "define") {
				const defines = this.#define(true);
				this.#found.push(...defines);
				(members.at(-1)?.defines as string[] | undefined)?.push(...defines.map((one) => one.name));
			} else if (stream.ended) return made(true);
			else if (stream.take("}")) break;
			else if (!stream.take(";")) members.push(...this.#members(`${kind} ${name}`.trim()));
		}
		packed = this.#attributes() || packed;
		return made(partial);
	}

	/** One member declaration: a type, and one name or several. */
	#members(where: string): MemberTree[] {
		const { stream } = this;
		const begin = stream.peek();
		const before = begin.before.at(-1);
		if (FLEXIBLE.has(begin.text)) return [this.#flexible(where)];
		const type = this.#type(where);
		const members: MemberTree[] = [];
		do {
			this.#attributes();
			const pointer = stream.take("*");
			while (stream.take("*") || stream.take("const"));
			const anonymous = [";", ":"].includes(stream.peek().text);
			const name = anonymous ? "" : stream.name(`the name of a member of ${where}`).text;
			const dimensions: Code[][] = [];
			while (stream.peek().text === "[") dimensions.push(stream.group("[", "]"));
			const width: Code[] = [];
			if (stream.take(":")) while (!stream.ended && ![";", ","].includes(stream.peek().text)) width.push(stream.next());
			if (this.#attributes()) throw new DeclarationError(begin.line, `${where}: "${name}" is packed`);
			members.push({
				name,
				type: pointer ? { kind: "pointer" } : type,
				dimensions,
				line: begin.line,
				defines: [],
				...(width.length > 0 && { width }),
				...(begin.added && { added: true }),
			});
		} while (stream.take(","));
		const end = stream.ended ? undefined : stream.expect(";");
		const note = end?.after ?? before;
		if (note === undefined) return members;
		const text = note.startsWith("/**") ? [...kernelDoc(note).members.values()].join(" ") : commentText(note);
		return members.map((member) => ({ ...member, note: text }));
	}

	#flexible(where: string): MemberTree {
		const { stream } = this;
		const { line } = stream.next();
		stream.expect("(");
		const type = this.#type(where);
		stream.expect(",");
		const { text: name } = stream.name("the name of an array");
		stream.expect(")");
		stream.expect(";");
		return { name, type, dimensions: [[]], line, defines: [] };
	}

	#type(where: string): TypeTree {
		const { stream } = this;
		this.#attributes();
		const token = stream.peek();
		if (token.text === "struct" || token.text === "union") {
			const named = stream.peek(1).kind === "name";
			if (stream.peek(1).text === "{" || (named && stream.peek(2).text === "{")) return this.#aggregate();
			stream.next();
			return { kind: "named", what: token.text, name: stream.name(`the name of a ${token.text}`).text };
		}
		if (token.text === "enum") {
			stream.next();
			if (stream.peek().text === "{") throw new DeclarationError(token.line, `${where}: an enum inside of it`);
			return { kind: "enum", name: stream.name("the name of an enum").text };
		}
		if (token.kind !== "name") throw new DeclarationError(token.line, `${where}: ${shown(token)} where a type is expected`);
		if (!TYPE_WORDS.has(token.text)) return { kind: "number", name: stream.next().text };
		const words: string[] = [];
		while (TYPE_WORDS.has(stream.peek().text)) words.push(stream.next().text);
		return { kind: "number", name: words.join(" ") };
	}

	/** Skips what does not change the layout. @returns whether it says that something is packed */
	#attributes(): boolean {
		const { stream } = this;
		let packed = false;
		for (;;) {
			const { text, line } = stream.peek();
			if (IGNORED.has(text)) stream.next();
			else if (text === "__packed") {
				stream.next();
				packed = true;
			} else if (IGNORED_CALLS.has(text)) {
				stream.next();
				if (stream.peek().text === "(") stream.group("(", ")");
			} else if (text === "__attribute__" || text === "__aligned") {
				stream.next();
				const inside = stream.group("(", ")").map((token) => token.text);
				packed ||= inside.some((word) => /^(?:__)?packed(?:__)?$/.test(word));
				const wide = text === "__aligned" ? inside : inside.slice(inside.findIndex((word) => /^(?:__)?aligned/.test(word)) + 1);
				if (
					(text === "__aligned" || inside.some((word) => /^(?:__)?aligned/.test(word))) &&
					wide.some((word) => /^\d+$/.test(word) && Number(word) > 8)
				)
					throw new DeclarationError(line, `an alignment of more than 8 bytes`);
			} else return packed;
		}
	}
}

/** The comment in front of a declaration; kernel-doc before any other. */
function docOf({ before }: Code): KernelDoc | undefined {
	const doc = before.findLast((comment) => comment.startsWith("/**")) ?? before.at(-1);
	return doc === undefined ? undefined : kernelDoc(doc);
}

/** A brace that a diff did not show. */
const partly = (brace: Code): boolean => brace.line === 0;

const paren = (text: string, { line }: Token): Token => ({ kind: "punctuation", text, line, first: false });
