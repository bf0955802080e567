/** The place where a script is being read: a line, and a word in it. */
import type { Line } from "./lines.js";
import type { Token } from "./tokens.js";

/** Reads a script word by word; the end of a line is not a word. */
export class Cursor {
	#line = 0;
	#word = 0;
	readonly #lines: readonly Line[];

	/** @param lines at least one */
	constructor(lines: readonly Line[]) {
		this.#lines = lines;
	}

	get line(): Line {
		return this.#lines[Math.min(this.#line, this.#lines.length - 1)];
	}

	/** The next word of this line, or undefined at its end. */
	get token(): Token | undefined {
		return this.#line < this.#lines.length ? this.line.tokens[this.#word] : undefined;
	}

	/** Whether the next word is the first of its line. */
	get atStart(): boolean {
		return this.#word === 0;
	}

	/** The offset of the next word, or of the line's end. */
	get at(): number {
		return this.token?.start ?? this.line.source.trimEnd().length;
	}

	/** The next word if it is this one, unquoted. */
	is(word: string): boolean {
		return this.token?.bare === word;
	}

	/** Takes the next word of this line. */
	take(): Token | undefined {
		const { token } = this;
		if (token) this.#word++;
		return token;
	}

	/** Goes to the next word, over the ends of lines; false at the end of the script. */
	skipLines(): boolean {
		while (this.#line < this.#lines.length && !this.token) {
			this.#line++;
			this.#word = 0;
		}
		return this.#line < this.#lines.length;
	}
}
