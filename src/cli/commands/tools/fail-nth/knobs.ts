/** The debugfs knobs that let any allocation fail (Documentation/fault-injection), restored afterwards. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const folder = "/sys/kernel/debug";

/** By default the kernel spares single pages, and allocations that may wait, as nearly all of a system call's may. */
const wanted: Readonly<Record<string, string>> = {
	"failslab/ignore-gfp-wait": "N",
	"fail_page_alloc/ignore-gfp-wait": "N",
	"fail_page_alloc/min-order": "0",
};

/** Sets the knobs until `restore`. They alone make nothing fail at random: that is another knob. */
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

	/** Restores every knob. */
	restore(): void {
		for (const [path, value] of this.#before) writeFileSync(path, value);
		this.#before.clear();
	}
}
