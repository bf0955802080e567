/** The run language: its tree and its parser. */
export * from "./ast.js";
export { noWarning } from "./command.js";
export { Fault, ScriptError } from "./error.js";
export { type Place, placeOf } from "./lines.js";
export { type ParseOptions, parseScript } from "./parse.js";
export { plain, splitWords, type Word } from "./tokens.js";
