/** The program that runs now, on disk before it does: a panic or a hang leaves it there. */
import { closeSync, existsSync, fsyncSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { InputError } from "../../structs/index.js";
import { TRACE_VERSION } from "../trace/index.js";
import { readPrograms, traceText } from "../trace/tools/index.js";
import type { FuzzProgram } from "./campaign.js";

const HEADER = { trace: "iommufd", version: TRACE_VERSION, suite: "fuzz", kernel: "sim" } as const;

export class Running {
	readonly file: string;
	readonly #folder: string;
	/** what becomes `file` when all of it is written */
	readonly #next: string;

	/** @param folder one that is there */
	constructor(folder: string) {
		this.#folder = folder;
		this.file = join(folder, "running.jsonl");
		this.#next = join(folder, "running.next");
	}

	/**
	 * The program that an earlier run left, which did not come back; its file gets a name of its own. undefined: there is none.
	 * @throws InputError for a file of this name that another program wrote
	 */
	async left(): Promise<{ readonly name: string; readonly file: string } | undefined> {
		if (!existsSync(this.file)) return undefined;
		const text = readFileSync(this.file, "utf8");
		const first = traceText(HEADER, []).trimEnd();
		if (!text.startsWith(first) && !first.startsWith(text))
			throw new InputError(`--out: ${this.file} is not the program of an interrupted run, and would be overwritten`, "name another folder");
		// A file that was cut short is one whose program had not begun.
		const name = await readPrograms(this.file).then(
			({ programs }) => programs.at(-1)?.name,
			() => undefined,
		);
		if (name === undefined) return undefined;
		return { name, file: this.#keep(`broken-${name}`, text) };
	}

	/** By renaming, as what is written anew may not be on the disk when the next program brings the machine down. */
	#keep(name: string, text: string): string {
		for (let turn = 1; ; turn++) {
			const file = join(this.#folder, `${name}${turn === 1 ? "" : `.${turn}`}.jsonl`);
			// Another iommuctl may have drawn another program of this number.
			if (existsSync(file) && readFileSync(file, "utf8") !== text) continue;
			renameSync(this.file, file);
			return file;
		}
	}

	/** Numbers of the seed's programs that did not come back in earlier runs with this folder. */
	broken(seed: number): number[] {
		const pattern = new RegExp(`^broken-${seed}-(\\d+)(?:\\.\\d+)?\\.jsonl$`);
		return readdirSync(this.#folder).flatMap((name) => pattern.exec(name)?.slice(1).map(Number) ?? []);
	}

	/** On the disk when it returns; until then the one before is, which the kernel may not have finished with. */
	begin({ seed, number, steps }: FuzzProgram): void {
		const fd = openSync(this.#next, "w");
		try {
			writeSync(fd, traceText(HEADER, [{ name: `${seed}-${number}`, steps }]));
			fsyncSync(fd);
		} finally {
			closeSync(fd);
		}
		renameSync(this.#next, this.file);
	}

	/** All programs came back. */
	end(): void {
		for (const file of [this.#next, this.file]) rmSync(file, { force: true });
	}
}
