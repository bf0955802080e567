/** Traces: recorded programs, the calls they made and what the kernel answered. */
export { TraceError } from "./error.js";
export type { Step, TraceHeader } from "./format.js";
export { hasAnswer, TRACE_VERSION } from "./format.js";
export type { TraceVisitor } from "./reader.js";
export { readTrace } from "./reader.js";
export type { Recording, StepSink } from "./recording.js";
export { recording } from "./recording.js";
export type { Difference, FileReport, KernelFactory, ReplayOptions, ReplayReport } from "./replay-files.js";
export { joinReports, replayExitCode, replayFiles } from "./replay-files.js";
export { ProgramReplay } from "./replayer.js";
export type { FormatOptions } from "./report.js";
export { formatReport, reportToJson } from "./report.js";
export { TraceWriter } from "./writer.js";
