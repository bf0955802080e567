// An esbuild plugin: a part that is imported with `import * as part from "./part.js"; // deferred` is evaluated when something
// of it is first used, not at the start. It is what `import defer` will do once all of our tools know it; without this plugin the
// line is an import like any other, so it may only name files whose evaluation nobody notices.
import { readFileSync } from "node:fs";

const MARK = "// deferred";
const LINE = /^import \* as (\w+) from ("\.[^"]+"); \/\/ deferred$/gm;

export const deferredImports = {
	name: "deferred-imports",
	setup(build) {
		build.onLoad({ filter: /[\\/]src[\\/].*\.ts$/ }, ({ path }) => {
			const text = readFileSync(path, "utf8");
			return text.includes(MARK) ? { contents: deferred(text, path), loader: "ts" } : undefined;
		});
	},
};

/** The text with its marked imports replaced, line by line. A mark on anything else is an error. */
export function deferred(text, path) {
	const replaced = text.replace(
		LINE,
		(_, name, file) => `let $${name}: any; const ${name}: any = new Proxy({}, { get: (_, of) => ($${name} ??= require(${file}))[of] });`,
	);
	if (!replaced.includes(MARK)) return replaced;
	const line = replaced.slice(0, replaced.indexOf(MARK)).split("\n").length;
	throw new Error(`${path}:${line}: only \`import * as name from "./file.js";\` can be deferred`);
}
