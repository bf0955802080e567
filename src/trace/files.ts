/** The names that a trace gives to a program's files. */
import { FieldError } from "./check.js";

/** A number that no file has: that of a name whose file could not be made or was closed. */
const NO_FILE = 0x7fffffff;

/** The name for a number that no file has, so that a call on it can be recorded. */
export const NO_FILE_NAME = "none";

/** The files of a program: the names in its steps, and the numbers that the kernel returned. */
export class FileNames {
	readonly #numbers = new Map([[NO_FILE_NAME, NO_FILE]]);

	/** The same names: of a child process. */
	copy(): FileNames {
		const copy = new FileNames();
		for (const [name, fd] of this.#numbers) copy.#numbers.set(name, fd);
		return copy;
	}

	/** The name's number; throws FieldError for a name that no step has made. `field` is the field of the step that holds it. */
	number(name: string, field: string): number {
		const fd = this.#numbers.get(name);
		if (fd === undefined) throw new FieldError(field, `no earlier step made a file called ${JSON.stringify(name)}`);
		return fd;
	}

	/** Records the kernel's `fd`: minus an errno means that there is no such file, and its name answers EBADF from now on. */
	set(name: string, fd: number): void {
		this.#numbers.set(name, fd < 0 ? NO_FILE : fd);
	}

	/** Whether the name has a file behind it. */
	isOpen(name: string): boolean {
		return this.#numbers.get(name) !== NO_FILE;
	}

	forget(name: string): void {
		this.#numbers.set(name, NO_FILE);
	}
}
