/** Takes the headers that --uapi-file and IOMMUCTL_UAPI_FILE name into the uAPI of this process. */
import { basename, resolve } from "node:path";
import { registerUapi } from "../../../structs/index.js";
import { readHeader } from "../../headers/index.js";
import { UsageError } from "./exit.js";
import { type Io, readInput } from "./io.js";
import { plural } from "./text.js";
import { replacedText, type UapiFiles, uapiFileOption, uapiFileVariable } from "./uapi-choice.js";

/** Files that were read: in a script or a session once for all of its commands. */
const taken = new Set<string>();

/** The headers that were taken, for a thread that needs them too: full paths. */
export const takenUapiFiles = (): readonly string[] => [...taken];

/**
 * Reads each header and adds what it declares. Only at start-up, before a command is looked up.
 * @param note prints a remark for people
 * @throws UsageError for a file that cannot be read, or in which there is nothing
 */
export function useUapiFiles({ files, quiet }: UapiFiles, io: Pick<Io, "cwd" | "files">, note: (text: string) => void): void {
	const option = quiet ? uapiFileVariable : uapiFileOption;
	for (const file of files) {
		const path = resolve(io.cwd, file);
		if (taken.has(path)) continue;
		const text = Buffer.from(readInput(io, file, option)).toString();
		const { addition, declared, problems } = readHeader(text, basename(file));
		if (declared.structs.length + declared.sets.length + declared.calls.length === 0) {
			const [first] = problems;
			throw new UsageError(
				first === undefined ? `${option}: ${file} declares nothing` : `${file}:${first.line}: ${first.message}`,
				"a C header of iommufd is expected, or a unified diff of one",
			);
		}
		taken.add(path);
		registerUapi(addition);
		if (quiet && problems.length > 0)
			note(`${file}: ${plural(problems.length, "declaration")} not understood; iommuctl struct list --uapi-file ${file} says which`);
		if (quiet) continue;
		for (const { line, message } of problems) note(`${file}:${line}: ${message}`);
		for (const { name, request, replaces } of addition.calls) {
			if (replaces) note(replacedText({ name, request, replaces, header: file }));
		}
	}
}
