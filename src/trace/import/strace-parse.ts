/** Parses the text of strace logs. */
/** One system call of a strace log, as text. */
export interface StraceCall {
	/** where it ended, from 1 */
	readonly line: number;
	readonly pid: string;
	readonly name: string;
	/** its arguments as written, without the spaces around them */
	readonly args: readonly string[];
	/** what follows `=`: `0`, `-1 EINVAL (Invalid argument)`, `3</dev/iommu>`, `?` */
	readonly result: string;
}

/** the process (-f) and the time (-t, -tt, -ttt, -r) before a call */
const PREFIX = /^(?:\[pid\s+(\d+)\]\s+|(\d+)\s+)?\s*(?:\d\d:\d\d:\d\d(?:\.\d+)?\s+|\d+\.\d+\s+)?(?:\(\+\s*\d+\.\d+\)\s+)?/;
const UNFINISHED = /\s*<unfinished \.\.\.>\s*$/;
const RESUMED = /^<\.\.\. (\w+) resumed>\s?/;

/** The calls of a log; those that strace printed in two pieces are joined. */
export function parseStrace(text: string): StraceCall[] {
	const begun = new Map<string, string>();
	return text.split(/\r?\n/).flatMap((source, at) => {
		const [prefix, bracketed, bare] = PREFIX.exec(source) ?? [""];
		const pid = bracketed ?? bare ?? "";
		let body = source.slice(prefix.length);
		if (UNFINISHED.test(body)) {
			begun.set(pid, body.replace(UNFINISHED, ""));
			return [];
		}
		const resumed = RESUMED.exec(body);
		if (resumed) {
			body = (begun.get(pid) ?? `${resumed[1]}(`) + body.slice(resumed[0].length);
			begun.delete(pid);
		}
		const call = parseCall(body);
		return call === undefined ? [] : [{ line: at + 1, pid, ...call }];
	});
}

function parseCall(body: string): Pick<StraceCall, "name" | "args" | "result"> | undefined {
	const name = /^(\w+)\(/.exec(body)?.[1];
	if (name === undefined) return undefined;
	const end = closing(body, name.length);
	if (end < 0) return undefined;
	const result = /^\s*=\s*(.*?)(?:\s+<\d+\.\d+>)?\s*$/.exec(body.slice(end + 1))?.[1];
	return result === undefined ? undefined : { name, args: splitAt(body.slice(name.length + 1, end), ","), result };
}

const PAIRS: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };

/** The position of the bracket that closes the one at `start`; -1 if there is none. */
export function closing(text: string, start: number): number {
	const open: string[] = [];
	for (let at = start; at < text.length; at++) {
		const char = text[at];
		if (char === '"') {
			at = endOfString(text, at);
			if (at < 0) return -1;
		} else if (char in PAIRS) open.push(PAIRS[char]);
		else if (char === open.at(-1)) {
			open.pop();
			if (open.length === 0) return at;
		}
	}
	return -1;
}

function endOfString(text: string, start: number): number {
	for (let at = start + 1; at < text.length; at++) {
		if (text[at] === "\\") at++;
		else if (text[at] === '"') return at;
	}
	return -1;
}

/** Splits at separators outside of brackets, strings and comments. */
export function splitAt(text: string, separator: string): string[] {
	const pieces: string[] = [];
	let start = 0;
	for (let at = 0; at < text.length; at++) {
		const char = text[at];
		let end = at;
		if (char === '"') end = endOfString(text, at);
		else if (char in PAIRS) end = closing(text, at);
		else if (text.startsWith("/*", at)) end = text.indexOf("*/", at) + 1;
		else if (text.startsWith(separator, at)) {
			pieces.push(text.slice(start, at).trim());
			start = at + separator.length;
			end = start - 1;
		}
		if (end < at) break;
		at = end;
	}
	const last = text.slice(start).trim();
	return pieces.length === 0 && last === "" ? [] : [...pieces, last];
}

/** The bytes of a string as strace writes it: `"\x0c\0\0"`, octal too; undefined if it was cut short (`"..."...`). */
export function stringBytes(text: string): Buffer | undefined {
	const inside = /^"((?:[^"\\]|\\.)*)"$/s.exec(text.trim())?.[1];
	if (inside === undefined) return undefined;
	const bytes: number[] = [];
	const piece = /\\x([0-9a-fA-F]{2})|\\([0-7]{1,3})|\\(.)|([^\\])/gsu;
	for (const [, hex, octal, escaped, plain] of inside.matchAll(piece)) {
		if (hex !== undefined) bytes.push(Number.parseInt(hex, 16));
		else if (octal !== undefined) bytes.push(Number.parseInt(octal, 8) & 0xff);
		else if (escaped !== undefined) bytes.push({ a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11 }[escaped] ?? escaped.charCodeAt(0));
		else bytes.push(...Buffer.from(plain));
	}
	return Buffer.from(bytes);
}
