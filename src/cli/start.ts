/** All that a start needs, in one file of the bundle. */
export { execute } from "./execute.js";
export { processIo } from "./process-io.js";
