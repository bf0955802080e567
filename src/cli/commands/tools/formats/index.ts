/** The formats in which commands report their cases for CI. */
import type { CampaignReporter } from "./campaign.js";
import type { Reporter } from "./case.js";
import { json, jsonCampaign } from "./json.js";
import { junit, junitCampaign } from "./junit.js";
import { kcidbCampaign, kcidbOptions } from "./kcidb.js";
import { ktap } from "./ktap.js";
import { ktapCampaign } from "./ktap-campaign.js";

/** Of one script's lines. */
export const lineFormats = ["ktap", "junit", "json"] as const;
export type LineFormat = (typeof lineFormats)[number];

/** Of many cases. */
export const formats = [...lineFormats, "kcidb"] as const;
export type Format = (typeof formats)[number];

const makers: Readonly<Record<LineFormat, readonly [() => Reporter, () => CampaignReporter]>> = {
	ktap: [ktap, ktapCampaign],
	junit: [junit, junitCampaign],
	json: [json, jsonCampaign],
};

export const reporterFor = (format: LineFormat): Reporter => makers[format][0]();

/** @param options of the command line: --origin and --build @throws UsageError */
export const campaignReporter = (format: Format, options: Readonly<Record<string, unknown>>): CampaignReporter =>
	format === "kcidb" ? kcidbCampaign(kcidbOptions(options)) : makers[format][1]();

export { type Campaign, type CampaignReporter, namedFiles, singleUnit, type Unit } from "./campaign.js";
export { type Case, type Group, headingOf, type Reporter, type Suite, titleOf } from "./case.js";
