/** The real kernel's log: /dev/kmsg, read from the place where a program began, and written with marks. */
import { closeSync, constants, openSync, readSync, writeSync } from "node:fs";
import { EnvironmentError } from "../environment-error.js";

/** More than the longest record (Documentation/ABI/testing/dev-kmsg). */
const RECORD = 16 * 1024;
/** Written as user's messages, level 6 (info). */
const PREFIX = "<14>";

/** A record: `level,sequence,time,flags;text`, then lines that begin with a space. */
export function parseRecord(record: string): { sequence: number; text: string } | undefined {
	const match = /^\d+,(\d+),[^;]*;(.*)/.exec(record);
	// The kernel escapes bytes that are not printable.
	return match ? { sequence: Number(match[1]), text: match[2] } : undefined;
}

export class KernelLog {
	/** sequence numbers from here on are shown */
	#from = 0;
	readonly #path: string;

	/** @param path in tests another file */
	constructor(path = "/dev/kmsg") {
		this.#path = path;
	}

	/** Leaves out what was logged before now. @throws EnvironmentError */
	begin(): void {
		this.#from = (this.#records().at(-1)?.sequence ?? -1) + 1;
	}

	/** The lines since `begin`, or all that the kernel has. @throws EnvironmentError */
	lines(): readonly string[] {
		return this.#records()
			.filter(({ sequence }) => sequence >= this.#from)
			.map(({ text }) => text);
	}

	/** Writes a line. @throws EnvironmentError */
	mark(text: string): void {
		const fd = this.#open(constants.O_WRONLY);
		try {
			writeSync(fd, `${PREFIX}${text}\n`);
		} finally {
			closeSync(fd);
		}
	}

	#records(): { sequence: number; text: string }[] {
		const fd = this.#open(constants.O_RDONLY | constants.O_NONBLOCK);
		const found: { sequence: number; text: string }[] = [];
		const bytes = Buffer.alloc(RECORD);
		try {
			for (;;) {
				try {
					const count = readSync(fd, bytes, 0, RECORD, null);
					if (count === 0) return found;
					const record = parseRecord(bytes.subarray(0, count).toString());
					if (record) found.push(record);
				} catch (error) {
					const { code } = error as NodeJS.ErrnoException;
					// The next record was overwritten: the read after it goes on with the oldest there is.
					if (code === "EPIPE") continue;
					if (code === "EAGAIN") return found;
					throw new EnvironmentError(`${this.#path} cannot be read: ${code}`, "look at dmesg");
				}
			}
		} finally {
			closeSync(fd);
		}
	}

	#open(flags: number): number {
		try {
			return openSync(this.#path, flags);
		} catch (error) {
			const done = flags === constants.O_WRONLY ? "written" : "read";
			throw new EnvironmentError(
				`${this.#path} cannot be ${done}: ${(error as NodeJS.ErrnoException).code}`,
				"the kernel's log needs root, or for reading kernel.dmesg_restrict=0",
			);
		}
	}
}
