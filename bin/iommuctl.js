#!/usr/bin/env node
// Finds the build and starts it. Kept tiny, and CommonJS: everything here is paid for at every start.
const { readFileSync } = require("node:fs");
const { enableCompileCache } = require("node:module");
const { join } = require("node:path");

const dist = join(__dirname, "../dist");
const main = join(dist, "main.cjs");

/** Code that the build compiled under this very release of Node. */
function compiled() {
	try {
		return readFileSync(join(dist, `main.${process.version}-${process.arch}.cache`));
	} catch {
		return undefined;
	}
}

try {
	const code = compiled();
	if (code) require("./compiled.js").load(main, code);
	else {
		enableCompileCache?.();
		require(main);
	}
} catch (error) {
	if (!["MODULE_NOT_FOUND", "ENOENT"].includes(error?.code) || !String(error.message).includes("main.cjs")) throw error;
	process.stderr.write("iommuctl: not built yet: run `npm run build` in the folder of iommuctl\n");
	process.exitCode = 3;
}
