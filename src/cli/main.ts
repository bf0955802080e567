import { writeSync } from "node:fs";
import { version } from "./version.js";

/** The bundle's entry. Loads what the command line names and nothing else. */
async function main(argv: readonly string[]): Promise<void> {
	if (argv.length === 1 && (argv[0] === "--version" || argv[0] === "-V")) {
		// process.stdout takes its time to load.
		writeSync(1, `${version}\n`);
		return;
	}
	const { execute } = await import("./execute.js");
	const { processIo } = await import("./process-io.js");
	const io = processIo();
	const outcome = await execute(argv, { io });
	io.flush();
	process.exitCode = outcome.exit;
}

void main(process.argv.slice(2));
