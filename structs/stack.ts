/** The stack of an error, with places in the sources where the bundle's own would tell nobody anything. */
import { existsSync, readFileSync } from "node:fs";
import { SourceMap, type SourceMapPayload } from "node:module";

/** A place in a bundle that the build made: `/somewhere/dist/main.cjs:5:1234`. */
const PLACE = /((?:\/[^/\s():]+)+\.cjs):(\d+):(\d+)/g;

/** What is known of where an error was thrown, as text. Of code that was not bundled, the stack as it is. */
export function stackOf(error: unknown): string {
	const stack = error instanceof Error && error.stack !== undefined ? error.stack : String(error);
	const maps = new Map<string, SourceMap | undefined>();
	return stack.replace(PLACE, (place, file: string, line: string, column: string) => {
		if (!maps.has(file)) maps.set(file, mapOf(file));
		const found = maps.get(file)?.findEntry(Number(line) - 1, Number(column) - 1);
		return found !== undefined && "originalSource" in found
			? `${sourceOf(found.originalSource)}:${found.originalLine + 1}:${found.originalColumn + 1}`
			: place;
	});
}

/** The map that the build puts next to a bundle. Without one, or with one that cannot be read, places stay as they are. */
function mapOf(file: string): SourceMap | undefined {
	try {
		return existsSync(`${file}.map`) ? new SourceMap(JSON.parse(readFileSync(`${file}.map`, "utf8")) as SourceMapPayload) : undefined;
	} catch {
		return undefined;
	}
}

/** `../src/cli/main.ts` as `src/cli/main.ts`: the sources are not there where iommuctl is installed. */
const sourceOf = (path: string): string => path.replace(/^(?:\.\.\/)+/, "");
