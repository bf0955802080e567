/** Litmus tests: threads of calls, the outcomes that their orders allow, and those that a real kernel shows. */
export { compile, type RecordedLine, type RecordedPart, type RecordedTest } from "./compile.js";
export { type Explanation, explain } from "./explain.js";
export { raceInC } from "./export/program.js";
export { type Allowed, countOrders, type Exploration, explore } from "./orders.js";
export { type Entry, type Outcome, outcomeKey } from "./outcome.js";
export { type Raced, type RaceOptions, runRace } from "./race.js";
export { type RacerData, race } from "./racer.js";
export { Round, SetupFailed, type Stage } from "./round.js";
export type { Call, Line, LitmusTest, Part, Slot } from "./test.js";
export { broken, type Verdict } from "./verdict.js";
