const { readFileSync } = require("node:fs");
const Module = require("node:module");
const { Script } = require("node:vm");

/** First words of command lines that need little: to load the code of everything takes a twentieth of their time. */
const plain = new Set("--version -V ioas option hwpt fault viommu vdevice veventq hw-queue destroy call raw struct mem file".split(" "));

/** Where the build keeps the code that V8 compiled, under this very release of Node, for command lines that begin like this. */
exports.cacheFile = (dist, word) => `${dist}/main.${process.version}-${process.arch}.${plain.has(word) ? "call" : "script"}.cache`;

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
