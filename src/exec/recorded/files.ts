/** Programs' own files as a recording has them: eventfds and memory files, made when they are first met. */
import { isEventCapable, type Kernel } from "../../kernel/kernel.js";

interface Known {
	readonly number: number;
	/** bytes */
	readonly length: bigint;
}

export class FilesOfRecording {
	/** by what they are, in each process of the recording */
	readonly #known = new WeakMap<object, Map<string, Known>>();

	/** The number of an eventfd; undefined: it cannot be recorded. */
	eventfd(kernel: Kernel, key: string): number | undefined {
		return this.#number(kernel, key, 0n, () => (isEventCapable(kernel) ? kernel.eventfd(0) : -1));
	}

	/** The number of a memory file of `length` bytes; `least`: or more. */
	memory(kernel: Pick<Kernel, "memfd">, key: string, length: bigint, pageSize: number, least = false): number | undefined {
		const made = () => kernel.memfd("file", length, pageSize > 4096 ? pageSize : undefined);
		return this.#number(kernel, key, length, made, least);
	}

	/** Recordings have no ftruncate: a file that has another length by now is another file. */
	#number(kernel: object, key: string, length: bigint, make: () => number, least = false): number | undefined {
		let files = this.#known.get(kernel);
		if (files === undefined) {
			files = new Map();
			this.#known.set(kernel, files);
		}
		const known = files.get(key);
		if (known !== undefined && (known.length === length || (least && known.length > length))) return known.number;
		const number = make();
		if (number < 0) return undefined;
		files.set(key, { number, length });
		return number;
	}
}
