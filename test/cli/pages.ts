/** The pages that users read, README.md and docs/: their blocks, and what their commands print when they are run. */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root, temporaryFolder } from "./cli.js";

/**
 * A fenced block: `console` is run and must print what it shows; `sh` wants a real device or another machine, and its
 * commands are only looked up; a block of any language with a name after it is a file that the page's commands find.
 */
export interface Block {
	readonly language: string;
	readonly name: string | undefined;
	readonly body: string;
}

export interface Page {
	/** relative to the root: `docs/json.md` */
	readonly path: string;
	readonly text: string;
	readonly blocks: readonly Block[];
}

const fence = /^```(\w*)(?: (\S+))?\n([\s\S]*?)^```$/gm;

export function readPage(path: string): Page {
	const text = readFileSync(join(root, path), "utf8");
	const blocks = [...text.matchAll(fence)].map(([, language, name, body]) => ({ language, name, body }));
	return { path, text, blocks };
}

/** README.md and every page of docs/. */
export const pages: readonly Page[] = [
	"README.md",
	...readdirSync(join(root, "docs"))
		.filter((name) => name.endsWith(".md"))
		.map((name) => `docs/${name}`),
].map(readPage);

/** The lines after a `$ `, each with the lines that a `\` at its end joins. */
export function commandsOf({ body }: Block): string[] {
	return [...body.matchAll(/^\$ ((?:.*\\\n)*.*)$/gm)].map(([, command]) => command);
}

/** Puts `iommuctl` into a folder, for shells with its environment(). */
export function install(folder: string): void {
	mkdirSync(join(folder, ".bin"));
	writeFileSync(join(folder, ".bin/iommuctl"), `#!/bin/sh\nexec "${process.execPath}" "${join(root, "bin/iommuctl.js")}" "$@"\n`);
	chmodSync(join(folder, ".bin/iommuctl"), 0o755);
	// Sessions of the page are its own.
	mkdirSync(join(folder, ".run"), { mode: 0o700 });
}

/** A folder in which a page's commands run: beside `iommuctl` the sources' scripts and traces, and the files that the page shows. */
function prepare(page: Page, folder: string): void {
	install(folder);
	for (const name of ["scripts", "test"]) symlinkSync(join(root, name), join(folder, name));
	for (const { name, body } of page.blocks) if (name !== undefined) writeFileSync(join(folder, name), body);
}

/** An environment in which a shell finds `iommuctl` as users do. */
export function environment(folder: string): NodeJS.ProcessEnv {
	const { NO_COLOR: _, FORCE_COLOR: __, IOMMUCTL_SESSION: ___, ...env } = process.env;
	return { ...env, PATH: `${join(folder, ".bin")}:${env.PATH}`, XDG_RUNTIME_DIR: join(folder, ".run") };
}

/**
 * Runs a page's console blocks, all in one shell as a reader would, and answers each block as it is now: its commands
 * with what they print, both ends in the order of a terminal.
 */
export function run(page: Page, folder = temporaryFolder()): Map<Block, string> {
	prepare(page, folder);
	const consoles = page.blocks.filter(({ language }) => language === "console");
	const commands = consoles.flatMap(commandsOf);
	const script = ["exec 2>&1", ...commands.flatMap((command) => ["printf '\\0'", command])];
	if (commands.some((command) => command.includes("session"))) script.push("iommuctl session stop --all >/dev/null 2>&1");
	const { stdout } = spawnSync("bash", ["-c", script.join("\n")], {
		cwd: folder,
		encoding: "utf8",
		env: environment(folder),
		maxBuffer: 1 << 26,
	});
	const printed = stdout.split("\0").slice(1);
	return new Map(
		consoles.map((block) => [
			block,
			commandsOf(block)
				.map((command) => `$ ${command}\n${printed.shift()}`)
				.join(""),
		]),
	);
}
