/** The tests that `litmus` is given: files, folders or stdin. */
import { readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { UsageError } from "../../../frame/exit.js";
import { type Io, readInputOrStdin } from "../../../frame/io.js";
import { shippedPath } from "../../../frame/shipped.js";
import { refuseTrace } from "../script/source.js";

const suffix = ".iommu";

export interface Source {
	/** as messages name it */
	readonly file: string;
	readonly text: string;
}

/** Reads tests; of a folder, every `*.litmus` in it. @throws UsageError */
export async function readSources(io: Io, named: readonly string[]): Promise<Source[]> {
	const files = named.flatMap((name) => {
		const shipped = name === "-" ? undefined : shippedPath(name);
		refuseTrace(name);
		if (name === "-" || shipped !== undefined) return [shipped ?? name];
		const path = resolve(io.cwd, name);
		if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return [name];
		const inside = readdirSync(path)
			.filter((one) => one.endsWith(suffix))
			.sort();
		if (inside.length === 0) throw new UsageError(`${name}: no ${suffix} file in this folder`);
		return inside.map((one) => join(name, one));
	});
	const sources: Source[] = [];
	// A test is one case, however often it is named.
	for (const file of new Set(files))
		sources.push({ file: file === "-" ? "stdin" : file, text: Buffer.from(await readInputOrStdin(io, file)).toString() });
	return sources;
}
