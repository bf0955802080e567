// The thread in which cli.ts runs commands of the built iommuctl, one after the other, each with its own input, output and environment.
import { createRequire } from "node:module";
import { Readable } from "node:stream";
import { workerData } from "node:worker_threads";

const { bin, port, turn } = workerData;
const require = createRequire(bin);
// As bin/iommuctl.js does it.
const { command } = loaded(require("node:path").join(bin, "../../dist"));

function loaded(dist) {
	try {
		const { cacheFile, load } = require("./compiled.js");
		return load(`${dist}/main.cjs`, require("node:fs").readFileSync(cacheFile(dist, "run"))).exports;
	} catch {
		return require(`${dist}/main.cjs`);
	}
}

/** Collects one end of a command. */
class End {
	isTTY = false;
	parts = [];
	write(piece) {
		this.parts.push(typeof piece === "string" ? Buffer.from(piece) : piece);
	}
	text() {
		return Buffer.concat(this.parts).toString();
	}
}

function answer(done) {
	port.postMessage(done);
	Atomics.store(turn, 0, 1);
	Atomics.notify(turn, 0);
}

// What a process would die of.
process.on("uncaughtException", (error) => answer({ died: String(error?.stack ?? error) }));
process.on("unhandledRejection", (error) => answer({ died: String(error?.stack ?? error) }));

port.on("message", async ({ argv, input, cwd, env }) => {
	const [stdout, stderr] = [new End(), new End()];
	const bytes = Buffer.from(input);
	// The few readers of the process itself: a trace from `-`, and where sessions lie.
	process.env = env;
	Object.defineProperty(process, "stdin", { configurable: true, get: () => Readable.from(bytes.length === 0 ? [] : [bytes]) });
	const io = { stdout, stderr, stdin: { readAll: async () => bytes }, cwd, env };
	const status = await command(argv, io);
	answer({ status, stdout: stdout.text(), stderr: stderr.text() });
});
