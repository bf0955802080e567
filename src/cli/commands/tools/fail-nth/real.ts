/** Makes the nth allocation of a real kernel fail: /proc/self/fail-nth (Documentation/fault-injection). */
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { EnvironmentError } from "../../../../kernel/environment-error.js";
import { EFAULT, EINVAL, ENOENT, ENOMEM } from "../../../../kernel/errno.js";
import type { Kernel } from "../../../../kernel/kernel.js";
import { wrapKernel } from "../../../../kernel/wrap.js";

export const failNthPath = "/proc/self/fail-nth";

/**
 * The errnos that a real kernel may answer when something failed in it: ENOMEM for memory. With the selftest driver iommufd
 * also has fault points of its own, whose errnos are those of a failed lookup, check or copy.
 */
export function realAnswers(selftest: boolean): readonly number[] {
	return selftest ? [ENOMEM, ENOENT, EINVAL, EFAULT] : [ENOMEM];
}

/** The counter, which the kernel counts down in allocations of this thread. */
export class FailNth {
	readonly #fd: number;
	readonly #digits = new Uint8Array(32);
	#left = 0;

	/** @throws EnvironmentError if this kernel has no fault injection */
	constructor(path = failNthPath) {
		try {
			this.#fd = openSync(path, "r+");
		} catch (error) {
			throw new EnvironmentError(
				`${path} cannot be opened: ${(error as NodeJS.ErrnoException).code}`,
				"it needs a kernel with CONFIG_FAULT_INJECTION, CONFIG_FAILSLAB and CONFIG_FAULT_INJECTION_DEBUG_FS, and root; or use --kernel sim",
			);
		}
	}

	/** From here the `n`th allocation fails. */
	arm(n: number): void {
		this.#left = n;
	}

	/** Whether that allocation has failed. */
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
			<A extends unknown[], R>(make: (...given: A) => R) =>
			(...given: A): R => {
				if (this.#left === 0) return make(...given);
				writeSync(this.#fd, String(this.#left));
				const answer = make(...given);
				const count = readSync(this.#fd, this.#digits, 0, this.#digits.length, 0);
				this.#left = Number.parseInt(Buffer.from(this.#digits.buffer, 0, count).toString(), 10);
				writeSync(this.#fd, "0");
				return answer;
			};
		// The calls that can allocate.
		return wrapKernel(kernel, {
			open: counted(kernel.open.bind(kernel)),
			ioctl: counted(kernel.ioctl.bind(kernel)),
			read: counted(kernel.read.bind(kernel)),
			write: counted(kernel.write.bind(kernel)),
			pread: counted(kernel.pread.bind(kernel)),
			pwrite: counted(kernel.pwrite.bind(kernel)),
			mmap: counted(kernel.mmap.bind(kernel)),
			memfd: counted(kernel.memfd.bind(kernel)),
		});
	}
}
