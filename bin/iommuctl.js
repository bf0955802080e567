#!/usr/bin/env node
// Finds the build and starts it. Kept tiny, and CommonJS: everything here is paid for at every start.
const { IOMMUCTL_SESSION: session } = process.env;
/** Exit code: this machine lacks something. */
const environment = 3;

/** Code that the build compiled, if it did under this very release of Node. */
function compiled(dist, word) {
	try {
		return require("node:fs").readFileSync(require("./compiled.js").cacheFile(dist, word));
	} catch {
		return undefined;
	}
}

/** `found`: what is wrong with the shell's session, or that it leaves the command to this process. */
function start(dist, found) {
	const words = process.argv.slice(2);
	const code = compiled(dist, words[0]);
	if (!code) require("node:module").enableCompileCache?.();
	const { main } = code ? require("./compiled.js").load(`${dist}/main.cjs`, code).exports : require(`${dist}/main.cjs`);
	main(words, found);
}

/** In a session the command line is only passed on: what loads is small. */
function passOn(dist) {
	require(`${dist}/forwarder.cjs`).runInSession(session, process.argv.slice(2), (result) => {
		if (typeof result === "number") process.exit(result);
		// Not for the session, or there is none any more: the command itself knows what to do.
		start(dist, result);
	});
}

try {
	const dist = require("node:path").join(__dirname, "../dist");
	if (session) passOn(dist);
	else start(dist);
} catch (error) {
	if (!["MODULE_NOT_FOUND", "ENOENT"].includes(error?.code) || !/(?:main|forwarder)\.cjs/.test(error.message)) throw error;
	process.stderr.write("iommuctl: not built yet: run `npm run build` in the folder of iommuctl\n");
	process.exitCode = environment;
}
