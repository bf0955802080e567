/** Runs programs that are not ours on a simulated kernel. */
export { type Ended, type Running, runProgram } from "./run.js";
