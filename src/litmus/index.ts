/** Litmus tests: threads of calls, the outcomes that their orders allow, and those that a real kernel shows. */
export { compile, type RecordedLine, type RecordedPart, type RecordedTest } from "./compile.js";
export { type Explanation, explain } from "./explain.js";
export { raceInC } from "./export/program.js";
export { type Counted, type LeadOptions, type Led, lead } from "./leader.js";
export { type SetupMemory, setupMemory } from "./memory.js";
export { type Allowed, countOrders, type Exploration, explore } from "./orders.js";
export { type Entry, type Outcome, outcomeKey } from "./outcome.js";
export { type Raced, watchRace } from "./race.js";
export { type Guest, type RacerData, race } from "./racer.js";
export { Round, SetupFailed, type Stage } from "./round.js";
export { type Signal, sharedSize } from "./shared.js";
export type { Call, Line, LitmusTest, Part, Slot } from "./test.js";
export { broken, type Verdict } from "./verdict.js";
