/** Records programs that are not ours on this machine's kernel. */
export { type Ended, type RecordOptions, recordProgram, yamaScope } from "./run.js";
