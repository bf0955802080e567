/** Files that a case reads by itself, such as the scripts that its script runs: with other contents its result may be another one. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Io } from "../../../frame/io.js";

/** By name, as it was asked for: the SHA-256 of the contents; null: it could not be read. */
export type Digests = Readonly<Record<string, string | null>>;

/** Takes down what is read through an Io. */
export class ReadFiles<I extends Io> {
	readonly io: I;
	#digests: Record<string, string | null> = {};

	constructor(io: I) {
		const get = (name: string): Uint8Array | Error | undefined => {
			const bytes = io.files?.get(name) ?? contents(io, name);
			this.#digests[name] = bytes instanceof Uint8Array ? digest(bytes) : null;
			return bytes;
		};
		this.io = { ...io, files: { get } };
	}

	/** What was read since the last time that this was asked. */
	take(): Digests {
		const taken = this.#digests;
		this.#digests = {};
		return taken;
	}
}

/** Whether the files still have these contents. */
export function unchanged(digests: Digests, io: Pick<Io, "cwd">): boolean {
	return Object.entries(digests).every(([name, before]) => {
		const bytes = contents(io, name);
		return (bytes === undefined ? null : digest(bytes)) === before;
	});
}

function contents({ cwd }: Pick<Io, "cwd">, name: string): Uint8Array | undefined {
	try {
		return readFileSync(resolve(cwd, name));
	} catch {
		return undefined;
	}
}

const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
