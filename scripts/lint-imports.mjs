#!/usr/bin/env node
// Checks the imports of src and structs. Exit code 1 if something is refused; each line on stderr then says what and why.
import { fileURLToPath } from "node:url";
import { importProblems } from "./imports/check.mjs";

const problems = importProblems(fileURLToPath(new URL("..", import.meta.url)));
for (const problem of problems) console.error(problem);
console.log(problems.length === 0 ? "Checked the imports: all allowed." : `Checked the imports: ${problems.length} refused.`);
process.exitCode = problems.length === 0 ? 0 : 1;
