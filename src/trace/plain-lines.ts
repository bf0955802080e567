/** Calls straight from the bytes of lines that are written as iommuctl writes them: no object, and no text, is made of such a line. */
import { knownErrno } from "./errno-names.js";
import { LineTable } from "./line-table.js";
import { type PreparedCall, PreparedIoctl, PreparedMemory, slab } from "./prepared.js";
import { knownRequest } from "./requests.js";

/** Bytes of the longest line that is taken: what it holds finds room in a slab. */
const LONGEST = 16 * 1024;
/** Digits of the largest numbers that are exact in any case: decimal, and hexadecimal. */
const DECIMAL = 15;
const HEX = 13;

/** What stands between the values. */
const text = (ascii: string): Uint8Array => Uint8Array.from(ascii, (character) => character.charCodeAt(0));
const ioctl = text('{"op":"ioctl","fd":"');
const poke = text('{"op":"poke","addr":"0x');
const peek = text('{"op":"peek","addr":"0x');
const request = text('","request":"');
const arg = text('","arg":"');
const ret = text('","ret":');
const failed = text('-1,"errno":"');
const quote = text('"');
const out = text(',"out":"');
const length = text('","length":');
const data = text(',"data":"');
const brace = text("}");

const SPACE = 0x20;
const QUOTE = 0x22;
const ZERO = 0x30;
const BACKSLASH = 0x5c;
const DELETE = 0x7f;

/** By the byte of a hexadecimal digit its value; NONE for other bytes. */
const NONE = 16;
const digits = new Uint8Array(256).fill(NONE);
for (const [value, digit] of [..."0123456789abcdef"].entries()) digits[digit.charCodeAt(0)] = value;

/**
 * Reads ioctls with a struct, pokes and peeks. A line that is anything else, or is written in another way, or has a mistake, is
 * not taken: the JSON reader knows them all.
 */
export class PlainLines {
	readonly #words = new LineTable<Word>();
	/** the line, and how far it was read */
	#bytes: Buffer = Buffer.alloc(0);
	#at = 0;
	#end = 0;

	/** The call of the line from `start` up to `end`. */
	call(bytes: Buffer, start: number, end: number): PreparedCall | undefined {
		if (end - start > LONGEST) return undefined;
		this.#bytes = bytes;
		this.#at = start;
		this.#end = end;
		// Each byte needs two digits.
		slab.room((end - start) >> 1);
		if (this.#takes(ioctl)) return this.#ioctl();
		if (this.#takes(poke)) return this.#poke();
		return this.#takes(peek) ? this.#peek() : undefined;
	}

	#ioctl(): PreparedIoctl | undefined {
		const fd = this.#word();
		if (fd === undefined || !this.#takes(request)) return undefined;
		const number = this.#word()?.request;
		if (number === undefined || !this.#takes(arg)) return undefined;
		const { bytes, used } = slab;
		const length = this.#decoded(bytes, used);
		if (!this.#takes(ret)) return undefined;
		const answer = this.#ret();
		if (answer === undefined) return undefined;
		let after = used;
		let end = used + length;
		if (this.#takes(out)) {
			after = end;
			end += this.#decoded(bytes, after);
			if (end - after !== length || !this.#takes(quote)) return undefined;
		}
		if (!this.#ends()) return undefined;
		slab.used = end;
		return new PreparedIoctl(fd.text, number, answer, length, slab.view, used, after);
	}

	/** The recorded answer, as a kernel returns it. */
	#ret(): number | undefined {
		if (!this.#takes(failed)) return this.#number(10, DECIMAL);
		const errno = this.#word()?.errno;
		return errno === undefined || !this.#takes(quote) ? undefined : -errno;
	}

	#poke(): PreparedMemory | undefined {
		const addr = this.#number(16, HEX);
		return addr === undefined || !this.#takes(quote) ? undefined : this.#memory("poke", addr);
	}

	#peek(): PreparedMemory | undefined {
		const addr = this.#number(16, HEX);
		if (addr === undefined || !this.#takes(length)) return undefined;
		const bytes = this.#number(10, DECIMAL);
		return bytes === undefined ? undefined : this.#memory("peek", addr, bytes);
	}

	/** @param wanted how many bytes there must be; undefined: any number of them */
	#memory(kind: "peek" | "poke", addr: number, wanted?: number): PreparedMemory | undefined {
		if (!this.#takes(data)) return undefined;
		const { bytes, used } = slab;
		const length = this.#decoded(bytes, used);
		if (!this.#takes(quote) || !this.#ends() || length !== (wanted ?? length)) return undefined;
		slab.used += length;
		return new PreparedMemory(kind, BigInt(addr), length, slab.view, used);
	}

	/** Goes over bytes that are the next ones. */
	#takes(next: Uint8Array): boolean {
		const bytes = this.#bytes;
		const at = this.#at;
		if (at + next.length > this.#end) return false;
		for (let i = 0; i < next.length; i++) if (bytes[at + i] !== next[i]) return false;
		this.#at = at + next.length;
		return true;
	}

	#ends(): boolean {
		return this.#takes(brace) && this.#at === this.#end;
	}

	/** Goes over the text up to the next quote. */
	#word(): Word | undefined {
		const bytes = this.#bytes;
		const start = this.#at;
		let at = start;
		for (; at < this.#end && bytes[at] !== QUOTE; at++)
			if (bytes[at] < SPACE || bytes[at] >= DELETE || bytes[at] === BACKSLASH) return undefined;
		if (at === start) return undefined;
		this.#at = at;
		const known = this.#words.find(bytes, start, at);
		if (known !== undefined) return known;
		const word = new Word(bytes.toString("latin1", start, at));
		this.#words.add(bytes, start, at, word);
		return word;
	}

	/** Goes over a number without a sign, which is as JSON wants it: zeroes in front are in hexadecimal ones only. */
	#number(base: 10 | 16, most: number): number | undefined {
		const bytes = this.#bytes;
		const start = this.#at;
		let value = 0;
		let at = start;
		for (; at < this.#end && digits[bytes[at]] < base; at++) value = value * base + digits[bytes[at]];
		const count = at - start;
		if (count === 0 || count > most || (base === 10 && count > 1 && bytes[start] === ZERO)) return undefined;
		this.#at = at;
		return value;
	}

	/** Goes over hex, whose bytes go to `to`; returns how many they are. */
	#decoded(into: Uint8Array, to: number): number {
		const bytes = this.#bytes;
		const last = this.#end - 1;
		let at = this.#at;
		let next = to;
		for (; at < last; at += 2, next++) {
			const high = digits[bytes[at]];
			const low = digits[bytes[at + 1]];
			if ((high | low) >= NONE) break;
			into[next] = (high << 4) | low;
		}
		this.#at = at;
		return next - to;
	}
}

/** What stands between quotes, and what a request and an errno of this name are. */
class Word {
	readonly request: number | undefined;
	readonly errno: number | undefined;

	constructor(readonly text: string) {
		this.request = knownRequest(text);
		this.errno = knownErrno(text);
	}
}
