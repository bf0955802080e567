/** Folders that the command line names, and files that are added to them without overwriting any. */
import { accessSync, constants, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { InputError } from "../../structs/index.js";
import { EnvironmentError } from "../kernel/environment-error.js";

export interface NamedFolder {
	/** as it was typed */
	readonly name: string;
	/** what relative names begin at */
	readonly cwd: string;
	/** the option that names it, with its dashes */
	readonly option: string;
}

/**
 * Makes a folder, and those above it, where they are not there.
 * @param mode of those that are made
 * @returns its absolute path @throws InputError if something else is there, EnvironmentError if it cannot be written
 */
export function makeFolder({ name, cwd, option }: NamedFolder, mode = 0o777): string {
	const path = resolve(cwd, name);
	if (name === "") throw new InputError(`${option}: "" is not a folder`, "name one, for example ./fuzz");
	try {
		make(path, mode);
		accessSync(path, constants.W_OK | constants.X_OK);
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		if (code === "EEXIST" || code === "ENOTDIR") throw new InputError(`${option}: ${name} is not a folder`, "name another one");
		throw unwritable(error, option, name);
	}
	return path;
}

// mkdirSync's own `recursive` never comes back from /proc with Node 20.
function make(path: string, mode: number): void {
	if (isFolder(path)) return;
	const above = dirname(path);
	if (above !== path) make(above, mode);
	try {
		mkdirSync(path, { mode });
	} catch (error) {
		// Another process may have been faster.
		if (!isFolder(path)) throw error;
	}
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

export interface NewFile {
	/** with the dot: `.jsonl` */
	readonly ending: string;
	readonly text: string;
}

/**
 * Adds files that belong together to a folder: `NAME.jsonl`, `NAME.c`. Files that are there already with other contents stay: then
 * the new ones are `NAME.2.jsonl`, `NAME.2.c`, and so on.
 * @returns their names @throws EnvironmentError
 */
export function addFiles(folder: string, name: string, files: readonly NewFile[], option: string): string[] {
	try {
		for (let turn = 1; ; turn++) {
			const named = files.map(({ ending, text }) => ({ name: `${name}${turn === 1 ? "" : `.${turn}`}${ending}`, text }));
			const there = named.map((file) => contents(join(folder, file.name)));
			if (!there.every((text, at) => text === undefined || text === named[at].text)) continue;
			for (const [at, file] of named.entries()) if (there[at] === undefined) writeFileSync(join(folder, file.name), file.text);
			return named.map((file) => file.name);
		}
	} catch (error) {
		throw unwritable(error, option, folder);
	}
}

/** undefined: no such file; null: not a file */
function contents(path: string): string | null | undefined {
	try {
		return readFileSync(path, "utf8");
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		if (code === "ENOENT") return undefined;
		if (code === "EISDIR") return null;
		throw error;
	}
}

function unwritable(error: unknown, option: string, name: string): unknown {
	const { code } = error as NodeJS.ErrnoException;
	if (code === undefined) return error;
	return new EnvironmentError(`${option}: ${name} cannot be written: ${code}`, "name a folder that you may write to");
}
