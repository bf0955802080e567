const { readFileSync } = require("node:fs");
const Module = require("node:module");
const { Script } = require("node:vm");

/**
 * Runs the bundle with code that V8 compiled before, if there is some; V8 refuses what does not fit and compiles.
 * Returns the script and what the bundle exports.
 */
exports.load = (file, cachedData) => {
	const script = new Script(Module.wrap(readFileSync(file, "latin1")), { filename: file, cachedData });
	const module = { exports: {} };
	const dirname = file.slice(0, file.lastIndexOf("/"));
	script.runInThisContext()(module.exports, Module.createRequire(file), module, file, dirname);
	return { script, exports: module.exports };
};
