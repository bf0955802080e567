/** What the user is told about calls that a program made past the simulated kernel. */
import { errnoName } from "../kernel/errno.js";
import type { OpenFile } from "./open-files.js";

const REMEDY = "iommuctl exec --any-descriptor answers every read and write";

/** Each note is given once for each kind of file. */
export class Notes {
	readonly #given = new Set<string>();

	constructor(readonly give: (line: string) => void) {}

	/** A program wrote to what stands for a file. */
	missed(open: OpenFile): void {
		this.#once(`a program wrote to ${nameOf(open)} through a descriptor below 512, and the simulated file did not get it; ${REMEDY}`);
	}

	/** A write succeeded for the program, though the file refused it. */
	refused(open: OpenFile, ret: number): void {
		const why = ret < 0 ? errnoName(-ret) : `only ${ret} bytes were taken`;
		this.#once(
			`a program's write to ${nameOf(open)} through a descriptor below 512 failed (${why}), but the program saw it succeed; ${REMEDY}`,
		);
	}

	/** A program's limit of open files leaves no room for simulated ones. */
	full(): void {
		this.#once("a program's limit of open files is below 512, where the numbers of simulated files begin: raise it (ulimit -n 1024)");
	}

	#once(line: string): void {
		if (this.#given.has(line)) return;
		this.#given.add(line);
		this.give(line);
	}
}

function nameOf({ path, file }: OpenFile): string {
	return path ?? `the file of a ${file.kind} queue`.replace("veventq queue", "virtual event queue");
}
