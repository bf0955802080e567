/** The files around the devices that programs see differently than they are. */
import type { SimFile } from "../../sim/index.js";
import type { Traced } from "../traced.js";

/** What a path is to programs: a simulated file, or a file of ours that they get a descriptor of (it is closed here afterwards). */
export type Opened = { readonly file: SimFile } | { readonly fd: number };

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
	open(path: string, flags: number, asking: Asking): Opened | number | undefined;
	/** No program will ask again. */
	close?(): void;
}

/** Several overlays as one; the first that knows a path has it. */
export function overlays(all: readonly Overlay[]): Overlay {
	return {
		concerns: (path) => all.some((each) => each.concerns(path)),
		open(path, flags, asking) {
			for (const each of all) {
				if (!each.concerns(path)) continue;
				const opened = each.open(path, flags, asking);
				if (opened !== undefined) return opened;
			}
			return undefined;
		},
		close() {
			for (const each of all) each.close?.();
		},
	};
}
