/** A folder of traces: the programs that showed something new, for later runs to start from. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { addFiles, makeFolder, type NamedFolder } from "../trace/folder.js";
import { type Step, TRACE_VERSION } from "../trace/index.js";
import { readPrograms, traceText } from "../trace/tools/index.js";
import { Board, type BoardOptions } from "./board.js";
import type { FuzzProgram } from "./campaign.js";

const ENDING = ".jsonl";

export class Corpus {
	readonly #folder: string;
	readonly #options: BoardOptions;
	readonly #seen = new Set<string>();
	/** the programs that were there, in the order of their files' names */
	readonly programs: (readonly Step[])[] = [];
	/** how many files were written */
	added = 0;

	/** @throws InputError, EnvironmentError if the folder cannot be made */
	constructor(folder: NamedFolder, options: BoardOptions) {
		this.#folder = makeFolder(folder);
		this.#options = options;
	}

	/** Reads what is there, and sees what it shows. @throws TraceError for a file that is not a trace */
	async read(): Promise<void> {
		const files = readdirSync(this.#folder).filter((name) => name.endsWith(ENDING));
		for (const name of files.sort()) {
			const { programs } = await readPrograms(join(this.#folder, name));
			for (const { steps } of programs) {
				const board = new Board(this.#options);
				board.replay(steps);
				board.end();
				for (const one of board.behaviour) this.#seen.add(one);
				this.programs.push(steps);
			}
		}
	}

	/** Writes a program that shows what none before it did, here or in an earlier run. `more`: what only its run on a kernel showed */
	take({ seed, number, steps, behaviour }: FuzzProgram, more: Iterable<string> = []): void {
		const before = this.#seen.size;
		for (const one of [...behaviour, ...more]) this.#seen.add(one);
		if (this.#seen.size === before) return;
		const name = `${seed}-${number}`;
		const header = { trace: "iommufd", version: TRACE_VERSION, suite: "fuzz corpus", kernel: "sim" } as const;
		addFiles(this.#folder, name, [{ ending: ENDING, text: traceText(header, [{ name, steps }]) }], "--corpus");
		this.added++;
	}
}
