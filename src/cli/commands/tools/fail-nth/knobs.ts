/** What has to be set in debugfs so that any allocation can fail (Documentation/fault-injection), and is set back afterwards. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const folder = "/sys/kernel/debug";

/** Untouched, the kernel spares allocations that may wait, which nearly all of a system call's are, and single pages. */
const wanted: Readonly<Record<string, string>> = {
	"failslab/ignore-gfp-wait": "N",
	"fail_page_alloc/ignore-gfp-wait": "N",
	"fail_page_alloc/min-order": "0",
};

/** While this is there the knobs are as they are wanted: until then nothing fails at random because of it (that is another knob). */
export class Knobs {
	readonly #before = new Map<string, string>();
	/** what could not be set, for people */
	readonly notes: readonly string[];

	/** @param root in tests another folder than debugfs */
	constructor(root = folder) {
		const failed: string[] = [];
		for (const [name, value] of Object.entries(wanted)) {
			const path = join(root, name);
			try {
				const before = readFileSync(path, "latin1").trim();
				if (before === value) continue;
				writeFileSync(path, value);
				this.#before.set(path, before);
			} catch (error) {
				failed.push(`${name} (${(error as NodeJS.ErrnoException).code})`);
			}
		}
		this.notes =
			failed.length === 0
				? []
				: [`some allocations are not made to fail: ${failed.join(", ")} in ${root} cannot be set; is debugfs mounted?`];
	}

	/** Sets everything back. */
	restore(): void {
		for (const [path, value] of this.#before) writeFileSync(path, value);
		this.#before.clear();
	}
}
