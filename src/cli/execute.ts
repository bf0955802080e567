/** iommuctl's own command line: every object of families.ts. */
import { families } from "./families.js";
import { commandLineOf } from "./frame/execute.js";

export const commandLine = commandLineOf(families);
export const { execute } = commandLine;
