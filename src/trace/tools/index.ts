/** Tools for traces: showing, comparing, minimizing. */
export { type CompareOptions, type Comparison, compareFile, comparisonToJson, formatComparison, type Side } from "./compare.js";
export { countDifferences, diffToJson, diffTraces, formatDiff, type TraceDiff } from "./diff.js";
export { type Explanation, explainSteps, explanationLines } from "./explain.js";
export {
	answersErrno,
	type Condition,
	commandHolds,
	commandWords,
	differsFromRecording,
	kernelsDiffer,
	minimize,
	withoutOrphans,
} from "./minimize.js";
export { eachProgram, type Program, readPrograms, type Trace, traceText } from "./programs.js";
export { type Paints, plainPaints, showTrace, showTraceJson, stepLine } from "./show.js";
