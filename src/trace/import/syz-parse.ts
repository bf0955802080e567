/** Parses syzkaller programs. */
import { InputError } from "../../../structs/index.js";

/** An argument of a syzkaller program's call. */
export type SyzArg =
	| { readonly kind: "number"; readonly value: bigint }
	| { readonly kind: "variable"; readonly name: string; readonly divide: bigint; readonly add: bigint }
	/** `<r1=>0x0`: the variable that the call's answer sets */
	| { readonly kind: "result"; readonly name: string; readonly arg: SyzArg }
	/** without `arg`: plain memory. `addr` undefined: AUTO. `any`: to bytes and variables one after another, without a struct's shape */
	| { readonly kind: "pointer"; readonly addr?: bigint; readonly size?: bigint; readonly any?: boolean; readonly arg?: SyzArg }
	| { readonly kind: "data"; readonly bytes: Buffer }
	| { readonly kind: "list"; readonly items: readonly SyzArg[] }
	| { readonly kind: "union"; readonly name: string; readonly arg?: SyzArg }
	| { readonly kind: "auto" };

export interface SyzLine {
	readonly line: number;
	/** the variable that holds what the call returns */
	readonly variable?: string;
	readonly name: string;
	readonly args: readonly SyzArg[];
	readonly properties: SyzProperties;
}

/** How a call is made. */
export interface SyzProperties {
	/** its nth allocation fails */
	readonly failNth?: number;
	/** the next call does not wait for it */
	readonly async?: boolean;
	/** it is made so many times more */
	readonly rerun?: number;
	/** other properties, as written */
	readonly unknown: readonly string[];
}

/** Reads a program in syzkaller's syntax (its docs/program_syntax.md). InputError with file, line and column. */
export function parseSyz(text: string, file: string): SyzLine[] {
	return text.split(/\r?\n/).flatMap((source, at) => {
		const body = source.trim();
		return body === "" || body.startsWith("#") ? [] : [new LineParser(source, `${file}:${at + 1}`).line(at + 1)];
	});
}

const NUMBER = /0[xX][0-9a-fA-F]+|\d+/y;
const NAME = /[A-Za-z_][\w$]*/y;
const VARIABLE = /r\d+/y;

class LineParser {
	#at = 0;
	readonly #text: string;
	readonly #place: string;

	constructor(text: string, place: string) {
		this.#text = text;
		this.#place = place;
	}

	line(line: number): SyzLine {
		const start = this.#at;
		const first = this.#want(NAME, "a call");
		let variable: string | undefined;
		let name = first;
		if (/^r\d+$/.test(first) && this.#take("=")) {
			variable = first;
			name = this.#want(NAME, "a call");
		}
		if (!this.#take("(")) this.#fail(start === this.#at ? "a call" : '"("');
		const args = this.#list(")");
		let properties: SyzProperties = { unknown: [] };
		if (this.#take("(")) {
			const end = this.#text.indexOf(")", this.#at);
			if (end < 0) this.#fail('")"');
			properties = propertiesOf(this.#text.slice(this.#at, end));
			this.#at = end + 1;
		}
		this.#space();
		if (this.#at < this.#text.length && this.#text[this.#at] !== "#") this.#fail("the end of the line");
		return { line, name, args, properties, ...(variable !== undefined && { variable }) };
	}

	#list(close: string): SyzArg[] {
		const items: SyzArg[] = [];
		if (this.#take(close)) return items;
		for (;;) {
			items.push(this.#arg());
			if (this.#take(close)) return items;
			if (!this.#take(",")) this.#fail(`"," or "${close}"`);
		}
	}

	#arg(): SyzArg {
		if (this.#take("{")) return { kind: "list", items: this.#list("}") };
		if (this.#take("[")) return { kind: "list", items: this.#list("]") };
		if (this.#take("&")) return this.#pointer();
		if (this.#take("<")) {
			const name = this.#want(VARIABLE, "a variable");
			if (!this.#take("=>")) this.#fail('"=>"');
			return { kind: "result", name, arg: this.#arg() };
		}
		if (this.#take("@")) {
			const name = this.#want(NAME, "a member's name");
			return { kind: "union", name, ...(this.#take("=") && { arg: this.#arg() }) };
		}
		if (this.#text[this.#at] === "'" || this.#text[this.#at] === '"') return this.#data();
		const variable = this.#match(VARIABLE);
		if (variable !== undefined) {
			const divide = this.#take("/") ? this.#number() : 1n;
			return { kind: "variable", name: variable, divide, add: this.#take("+") ? this.#number() : 0n };
		}
		const word = this.#match(/nil|AUTO/y);
		if (word !== undefined) return word === "nil" ? { kind: "number", value: 0n } : { kind: "auto" };
		return { kind: "number", value: this.#number() };
	}

	/** `&AUTO=X`, `&(0x7f0000000000)=X`, `&(0x7f0000ffc000/0x1000)=nil` */
	#pointer(): SyzArg {
		let addr: bigint | undefined;
		let size: bigint | undefined;
		if (this.#match(/AUTO/y) === undefined) {
			if (!this.#take("(")) this.#fail('"AUTO" or an address in brackets');
			addr = this.#number();
			if (this.#take("/")) size = this.#number();
			if (!this.#take(")")) this.#fail('")"');
		}
		const any = this.#match(/=ANY/y) !== undefined;
		const none = !this.#take("=") || this.#match(/nil/y) !== undefined;
		return { kind: "pointer", addr, size, ...(any && { any }), ...(!none && { arg: this.#arg() }) };
	}

	/** `'text'` with \x escapes, `"hex"`, each optionally followed by `/length`. */
	#data(): SyzArg {
		const quote = this.#text[this.#at];
		const start = ++this.#at;
		while (this.#at < this.#text.length && this.#text[this.#at] !== quote) this.#at += this.#text[this.#at] === "\\" ? 2 : 1;
		const inside = this.#text.slice(start, this.#at);
		if (this.#text[this.#at++] !== quote) this.#fail(`a closing ${quote}`);
		// Base64, for large data that only other drivers' calls have.
		if (quote === '"' && /^\$[A-Za-z0-9+/=]*$/.test(inside)) return { kind: "data", bytes: Buffer.from(inside.slice(1), "base64") };
		if (quote === '"' && !/^(?:[0-9a-fA-F]{2})*$/.test(inside)) this.#fail("bytes in hex");
		const bytes = quote === '"' ? Buffer.from(inside, "hex") : unescaped(inside);
		if (!this.#take("/")) return { kind: "data", bytes };
		const length = Number(this.#number());
		if (length > 1 << 24) this.#fail("at most 16 MiB of data");
		return { kind: "data", bytes: Buffer.concat([bytes, Buffer.alloc(length)], length) };
	}

	#number(): bigint {
		return BigInt(this.#want(NUMBER, "a number"));
	}

	#space(): void {
		while (this.#text[this.#at] === " " || this.#text[this.#at] === "\t") this.#at++;
	}

	#take(text: string): boolean {
		this.#space();
		if (!this.#text.startsWith(text, this.#at)) return false;
		this.#at += text.length;
		this.#space();
		return true;
	}

	#match(pattern: RegExp): string | undefined {
		this.#space();
		pattern.lastIndex = this.#at;
		const found = pattern.exec(this.#text)?.[0];
		if (found !== undefined) this.#at = pattern.lastIndex;
		return found;
	}

	#want(pattern: RegExp, what: string): string {
		return this.#match(pattern) ?? this.#fail(what);
	}

	#fail(what: string): never {
		throw new InputError(`${this.#place}:${this.#at + 1}: ${what} expected`);
	}
}

function propertiesOf(text: string): SyzProperties {
	const unknown: string[] = [];
	const known: { failNth?: number; async?: boolean; rerun?: number } = {};
	for (const one of text.split(",").map((piece) => piece.trim())) {
		const [, name, value] = /^(fail_nth|rerun)\s*:\s*(\d{1,6})$/.exec(one) ?? [];
		if (name === "fail_nth") known.failNth = Number(value);
		else if (name === "rerun") known.rerun = Number(value);
		else if (one === "async") known.async = true;
		else if (one !== "") unknown.push(one);
	}
	return { ...known, unknown };
}

const ESCAPES: Readonly<Record<string, number>> = { a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11 };

function unescaped(text: string): Buffer {
	const bytes: number[] = [];
	for (let at = 0; at < text.length; at++) {
		if (text[at] !== "\\") {
			bytes.push(...Buffer.from(text[at]));
			continue;
		}
		const next = text[++at];
		if (next === "x") {
			bytes.push(Number.parseInt(text.slice(at + 1, at + 3), 16));
			at += 2;
		} else bytes.push(ESCAPES[next] ?? next.charCodeAt(0));
	}
	return Buffer.from(bytes);
}
