/** Builds dist/ once, before any test. */
import { execFileSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const sources = ["src", "structs", "scripts/build.mjs", "package.json"];

/**
 * Brings dist/ up to date with the sources, because the command line is tested as a process.
 * (npm's own pretest hook cannot do this: .npmrc turns off the scripts that npm starts by itself.)
 */
export default function buildOnce(): void {
	const newest = Math.max(...sources.map((source) => newestIn(join(root, source))));
	if (newest < builtAt()) return;
	try {
		execFileSync(process.execPath, [join(root, "scripts/build.mjs")], { cwd: root, stdio: ["ignore", "inherit", "pipe"] });
	} catch (error) {
		// Tests of single modules can still run; those of the command line will say what is wrong.
		const text = String((error as { stderr?: Buffer }).stderr ?? error);
		process.stderr.write(`the build failed:\n${text.split("\n").slice(0, 12).join("\n")}\n`);
	}
}

function newestIn(path: string): number {
	const stat = statSync(path);
	if (!stat.isDirectory()) return stat.mtimeMs;
	return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newestIn(join(path, name))));
}

function builtAt(): number {
	try {
		return statSync(join(root, "dist/main.cjs")).mtimeMs;
	} catch {
		return 0;
	}
}
