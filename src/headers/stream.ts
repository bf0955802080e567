/** A header's tokens with their comments beside them, one after the other. */
import { DeclarationError } from "./problem.js";
import type { Token } from "./tokens.js";

/** A token that is not a comment, with the comments around it. */
export interface Code extends Token {
	/** comments in front of it */
	readonly before: readonly string[];
	/** a comment behind it on its line */
	readonly after?: string;
}

/** Gives each comment to the token that it is about. */
export function withComments(tokens: readonly Token[]): Code[] {
	const code: (Code & { after?: string })[] = [];
	let before: string[] = [];
	for (const token of tokens) {
		if (token.kind !== "comment") {
			code.push({ ...token, before });
			before = [];
			continue;
		}
		const last = code.at(-1);
		if (last !== undefined && last.line === token.line && before.length === 0 && !token.text.startsWith("/**"))
			code[code.length - 1] = { ...last, after: last.after === undefined ? token.text : `${last.after} ${token.text}` };
		else before.push(token.text);
	}
	return code;
}

/** Reads tokens in order. */
export class Stream {
	#at = 0;
	/** how many braces are open */
	#depth = 0;

	constructor(readonly tokens: readonly Code[]) {}

	/** The token to read next, or one after it. */
	peek(ahead = 0): Code {
		return this.tokens[Math.min(this.#at + ahead, this.tokens.length - 1)];
	}

	next(): Code {
		const token = this.peek();
		if (this.#at < this.tokens.length - 1) this.#at++;
		if (token.text === "{") this.#depth++;
		else if (token.text === "}") this.#depth = Math.max(0, this.#depth - 1);
		return token;
	}

	/** Reads the token if it is this one. */
	take(text: string): boolean {
		if (this.peek().text !== text || this.peek().kind === "string") return false;
		this.next();
		return true;
	}

	/** @throws DeclarationError if something else stands there */
	expect(text: string): Code {
		const token = this.peek();
		if (token.text !== text) throw new DeclarationError(token.line, `${shown(token)} where ${text} is expected`);
		return this.next();
	}

	name(what: string): Code {
		const token = this.peek();
		if (token.kind !== "name") throw new DeclarationError(token.line, `${shown(token)} where ${what} is expected`);
		return this.next();
	}

	get ended(): boolean {
		return this.peek().kind === "end";
	}

	/** What stands between brackets that begin here, without them. @throws DeclarationError if they do not end */
	group(open: string, close: string): Code[] {
		const begin = this.expect(open);
		const inside: Code[] = [];
		for (let depth = 1; ; ) {
			if (this.ended) throw new DeclarationError(begin.line, `"${open}" has no "${close}"`);
			const token = this.next();
			if (token.text === open) depth++;
			else if (token.text === close && --depth === 0) return inside;
			inside.push(token);
		}
	}

	/** Goes to the next declaration: behind a ; outside of braces, or to a line that begins one. */
	recover(): void {
		while (!this.ended) {
			const { first, kind, text } = this.peek();
			if (first && ((kind === "define" && this.#depth === 0) || /^(?:struct|enum|union)$/.test(text))) break;
			this.next();
			if (text === ";" && this.#depth === 0) return;
		}
		this.#depth = 0;
	}
}

/** A token for a message. */
export const shown = ({ kind, text }: Token): string => (kind === "end" ? text : `"${text}"`);
