/** The formats in which `run --format` reports a script's cases. */
import type { Reporter } from "./case.js";
import { json } from "./json.js";
import { junit } from "./junit.js";
import { ktap } from "./ktap.js";

export const formats = ["ktap", "junit", "json"] as const;
export type Format = (typeof formats)[number];

const makers: Readonly<Record<Format, () => Reporter>> = { ktap, junit, json };

export const reporterFor = (format: Format): Reporter => makers[format]();

export { type Case, type Group, headingOf, type Reporter, titleOf } from "./case.js";
