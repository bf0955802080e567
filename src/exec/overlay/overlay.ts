/** The files around the devices that programs see differently than they are. */
import type { SimFile } from "../../sim/index.js";
import type { Traced } from "../traced.js";

/** What a path is to programs: a simulated file, or text that a file of its own holds. */
export type Opened = { readonly file: SimFile } | { readonly text: string };

/** What an overlay needs to know of who asks. */
export interface Asking {
	readonly tid: number;
	/** the process of the one who asks, or of another one */
	process(pid?: number): Traced | undefined;
}

/** One kind of files. */
export interface Overlay {
	/** Whether the path, absolute and without `.`, may be one of these: cheap, and asked of every path. */
	concerns(path: string): boolean;
	/** What is there; minus the errno; undefined: what the machine has */
	open(path: string, asking: Asking): Opened | number | undefined;
}

/** Several overlays as one; the first that knows a path has it. */
export function overlays(all: readonly Overlay[]): Overlay {
	return {
		concerns: (path) => all.some((each) => each.concerns(path)),
		open(path, asking) {
			for (const each of all) {
				if (!each.concerns(path)) continue;
				const opened = each.open(path, asking);
				if (opened !== undefined) return opened;
			}
			return undefined;
		},
	};
}
