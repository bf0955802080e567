const { readFileSync } = require("node:fs");
const Module = require("node:module");
const { Script } = require("node:vm");

/**
 * Runs the bundle with code that V8 compiled before, if there is some; V8 refuses what does not fit and compiles.
 * Returns the script and what the bundle exports. Its text is that of the function that Node would make of a module.
 */
exports.load = (file, cachedData) => {
	const script = new Script(readFileSync(file, "latin1"), { filename: file, cachedData });
	const module = { exports: {} };
	const dirname = file.slice(0, file.lastIndexOf("/"));
	script.runInThisContext()(module.exports, Module.createRequire(file), module, file, dirname);
	return { script, exports: module.exports };
};
