/** Splits C programs into statements, and reads the few kinds of values that syzkaller's reproducers have. */

export interface Statement {
	/** where it begins, from 1 */
	readonly line: number;
	/** without comments; `{` and `}` stand alone */
	readonly text: string;
}

/** The statements of a program in the order of the text. */
export function statementsOf(source: string): Statement[] {
	const found: Statement[] = [];
	let text = "";
	let begun = 1;
	let line = 1;
	let depth = 0;
	const finish = (): void => {
		if (text.trim() !== "") found.push({ line: begun, text: text.trim().replace(/\s+/g, " ") });
		text = "";
	};
	for (let at = 0; at < source.length; at++) {
		const char = source[at];
		if (char === "\n") {
			line++;
			// a directive of the preprocessor ends with its line
			if (/^\s*#/.test(text) && source[at - 1] !== "\\") text = "";
		}
		if (source.startsWith("//", at)) {
			at = endOf(source, "\n", at) - 1;
			continue;
		}
		if (source.startsWith("/*", at)) {
			const end = endOf(source, "*/", at + 2);
			line += source.slice(at, end).split("\n").length - 1;
			at = end + 1;
			continue;
		}
		if (text.trim() === "") begun = line;
		if (char === '"' || char === "'") {
			const end = closingQuote(source, at);
			text += source.slice(at, end + 1);
			at = end;
			continue;
		}
		if (char === "(") depth++;
		else if (char === ")") depth--;
		if (depth <= 0 && (char === ";" || char === "{" || char === "}")) {
			finish();
			depth = 0;
			if (char !== ";") found.push({ line, text: char });
		} else text += char;
	}
	finish();
	return found;
}

function endOf(text: string, what: string, from: number): number {
	const at = text.indexOf(what, from);
	return at < 0 ? text.length : at;
}

function closingQuote(text: string, start: number): number {
	for (let at = start + 1; at < text.length; at++) {
		if (text[at] === "\\") at++;
		else if (text[at] === text[start] || text[at] === "\n") return at;
	}
	return text.length;
}

/** The arguments between a call's brackets, split at its own commas. */
export function argumentsOf(text: string): string[] {
	const pieces: string[] = [];
	let depth = 0;
	let piece = "";
	for (let at = 0; at < text.length; at++) {
		const char = text[at];
		if (char === '"') {
			const end = closingQuote(text, at);
			piece += text.slice(at, end + 1);
			at = end;
			continue;
		}
		if (char === "(") depth++;
		else if (char === ")") depth--;
		if (char === "," && depth === 0) {
			pieces.push(piece.trim());
			piece = "";
		} else piece += char;
	}
	return piece.trim() === "" ? pieces : [...pieces, piece.trim()];
}

/** The bytes of string literals that stand one after another; undefined for anything else. */
export function stringOf(text: string): Buffer | undefined {
	if (!/^(?:"(?:[^"\\]|\\.)*"\s*)+$/s.test(text)) return undefined;
	const bytes: number[] = [];
	const inside = [...text.matchAll(/"((?:[^"\\]|\\.)*)"/gs)].map(([, one]) => one).join("");
	for (const [, hex, octal, escaped, plain] of inside.matchAll(/\\x([0-9a-fA-F]{2})|\\([0-7]{1,3})|\\(.)|([^\\])/gsu)) {
		if (hex !== undefined) bytes.push(Number.parseInt(hex, 16));
		else if (octal !== undefined) bytes.push(Number.parseInt(octal, 8) & 0xff);
		else if (escaped !== undefined) bytes.push({ a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11 }[escaped] ?? escaped.charCodeAt(0));
		else bytes.push(...Buffer.from(plain));
	}
	return Buffer.from(bytes);
}

/** A number: a literal, `r[1]`, `r[1]/2+4`, with casts and syzkaller's byte order macros; undefined for anything else. */
export function numberIn(text: string, results: readonly bigint[]): bigint | undefined {
	const plain = text.replace(/^\((?:u?intptr_t|long|u?int\d+(?:_t)?|int|void ?\*)\)\s*/, "").replace(/\s*\+\s*procid\s*\*\s*\d+$/, "");
	const inBrackets = /^\((.*)\)$/.exec(plain)?.[1];
	if (inBrackets !== undefined) return numberIn(inBrackets, results);
	const swapped = /^htobe(16|32|64)\((.*)\)$/.exec(plain);
	if (swapped) {
		const value = numberIn(swapped[2], results);
		return value === undefined ? undefined : reversed(value, Number(swapped[1]) / 8);
	}
	const literal = /^(-?)(0[xX][0-9a-fA-F]+|\d+)[uUlL]*$/.exec(plain);
	if (literal) return literal[1] ? -BigInt(literal[2]) : BigInt(literal[2]);
	const result = /^r\[(\d+)\](?:\s*\/\s*(\d+))?(?:\s*\+\s*(\d+))?$/.exec(plain);
	if (!result) return undefined;
	const value = results[Number(result[1])];
	return value === undefined ? undefined : value / (BigInt(result[2] ?? 1) || 1n) + BigInt(result[3] ?? 0);
}

function reversed(value: bigint, size: number): bigint {
	const bytes = Buffer.alloc(8);
	bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
	return BigInt(`0x${bytes.subarray(0, size).toString("hex")}`);
}
