/** Random programs on two kernels, and what they answer differently. */
export { callName } from "./board.js";
export { BLOCK, Campaign, type CampaignOptions, type FuzzProgram } from "./campaign.js";
export { Corpus } from "./corpus.js";
export type { Finding } from "./finding.js";
export { Fuzzer, type FuzzerOptions, type ProgramResult } from "./fuzzer.js";
export { Kcov } from "./kcov.js";
export { Kmemleak } from "./kmemleak.js";
export { type KnownDifference, knownAs, parseKnown } from "./known-differences.js";
export { answerLines, filesOf, nameOf, titleOf } from "./outputs.js";
export { Running } from "./running.js";
export type { Difference, Side } from "./sides.js";
export { type Signature, signatureKey } from "./signature.js";
