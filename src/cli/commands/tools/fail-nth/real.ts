/** The nth allocation of a real kernel fails: /proc/self/fail-nth (Documentation/fault-injection). */
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { EnvironmentError } from "../../../../kernel/environment-error.js";
import type { Kernel } from "../../../../kernel/kernel.js";

export const failNthPath = "/proc/self/fail-nth";

/** Calls that can allocate. */
const armed: ReadonlySet<string> = new Set(["open", "ioctl", "read", "write", "pread", "pwrite", "mmap", "memfd"]);

/** The counter, which the kernel counts down in allocations of this thread. */
export class FailNth {
	readonly #fd: number;
	readonly #digits = new Uint8Array(32);
	#left = 0;

	/** @throws EnvironmentError where this kernel has no fault injection */
	constructor(path = failNthPath) {
		try {
			this.#fd = openSync(path, "r+");
		} catch (error) {
			throw new EnvironmentError(
				`${path} can not be opened: ${(error as NodeJS.ErrnoException).code}`,
				"it needs a kernel with CONFIG_FAULT_INJECTION, CONFIG_FAILSLAB and CONFIG_FAULT_INJECTION_DEBUG_FS, and root; or use --kernel sim",
			);
		}
	}

	/** From here the `n`th allocation fails. */
	arm(n: number): void {
		this.#left = n;
	}

	/** Whether it has come to that. */
	get failed(): boolean {
		return this.#left === 0;
	}

	close(): void {
		closeSync(this.#fd);
	}

	/**
	 * The same kernel, counting only inside its calls: between them this process allocates for itself, and what it
	 * allocates differs from run to run.
	 */
	around(kernel: Kernel): Kernel {
		const counted =
			(make: (...given: unknown[]) => unknown) =>
			(...given: unknown[]): unknown => {
				if (this.#left === 0) return make(...given);
				writeSync(this.#fd, String(this.#left));
				const answer = make(...given);
				const count = readSync(this.#fd, this.#digits, 0, this.#digits.length, 0);
				this.#left = Number.parseInt(Buffer.from(this.#digits.buffer, 0, count).toString(), 10);
				writeSync(this.#fd, "0");
				return answer;
			};
		const made = new Map<PropertyKey, unknown>();
		return new Proxy(kernel, {
			get(target, key) {
				const found: unknown = Reflect.get(target, key, target);
				if (typeof found !== "function") return found;
				const known = made.get(key);
				if (known) return known;
				const bound = found.bind(target) as (...given: unknown[]) => unknown;
				const kept = armed.has(String(key)) ? counted(bound) : bound;
				made.set(key, kept);
				return kept;
			},
		});
	}
}
