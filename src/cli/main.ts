import { writeSync } from "node:fs";
import { version } from "./version.js";

const argv = process.argv.slice(2);
if (argv.length === 1 && (argv[0] === "--version" || argv[0] === "-V")) {
	// process.stdout takes its time to load.
	writeSync(1, `${version}\n`);
} else {
	const { execute, processIo } = await import("./start.js");
	const io = processIo();
	const outcome = await execute(argv, { io });
	io.flush();
	process.exitCode = outcome.exit;
}
