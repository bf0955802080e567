/** The program that runs now, on disk before it does: a panic or a hang leaves it there. */
import { closeSync, existsSync, fsyncSync, openSync, readdirSync, renameSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { TRACE_VERSION } from "../trace/index.js";
import { readPrograms, traceText } from "../trace/tools/index.js";
import type { FuzzProgram } from "./campaign.js";

export class Running {
	readonly file: string;
	readonly #folder: string;

	/** @param folder one that is there */
	constructor(folder: string) {
		this.#folder = folder;
		this.file = join(folder, "running.jsonl");
	}

	/** The program that an earlier run left, which did not come back; its file gets a name of its own. undefined: there is none. */
	async left(): Promise<{ readonly name: string; readonly file: string } | undefined> {
		if (!existsSync(this.file)) return undefined;
		// A file that was cut short is one whose program had not begun.
		const name = await readPrograms(this.file).then(
			({ programs }) => programs.at(-1)?.name,
			() => undefined,
		);
		if (name === undefined) return undefined;
		const file = join(this.#folder, `broken-${name}.jsonl`);
		renameSync(this.file, file);
		return { name, file };
	}

	/** Numbers of the seed's programs that did not come back in earlier runs with this folder. */
	broken(seed: number): number[] {
		const pattern = new RegExp(`^broken-${seed}-(\\d+)\\.jsonl$`);
		return readdirSync(this.#folder).flatMap((name) => pattern.exec(name)?.slice(1).map(Number) ?? []);
	}

	/** On the disk when it returns. */
	begin({ seed, number, steps }: FuzzProgram): void {
		const header = { trace: "iommufd", version: TRACE_VERSION, suite: "fuzz", kernel: "sim" } as const;
		const fd = openSync(this.file, "w");
		try {
			writeSync(fd, traceText(header, [{ name: `${seed}-${number}`, steps }]));
			fsyncSync(fd);
		} finally {
			closeSync(fd);
		}
	}

	/** All programs came back. */
	end(): void {
		rmSync(this.file, { force: true });
	}
}
