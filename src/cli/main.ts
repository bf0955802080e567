import { execute } from "./execute.js";
import { processIo } from "./process-io.js";

const io = processIo();
const outcome = await execute(process.argv.slice(2), { io });
io.flush();
process.exitCode = outcome.exit;
