/** The formats in which commands report their cases for CI. */
import type { CampaignReporter } from "./campaign.js";
import type { Reporter } from "./case.js";
import { json, jsonCampaign } from "./json.js";
import { junit, junitCampaign } from "./junit.js";
import { ktap } from "./ktap.js";
import { ktapCampaign } from "./ktap-campaign.js";

export const formats = ["ktap", "junit", "json"] as const;
export type Format = (typeof formats)[number];

const makers: Readonly<Record<Format, readonly [() => Reporter, () => CampaignReporter]>> = {
	ktap: [ktap, ktapCampaign],
	junit: [junit, junitCampaign],
	json: [json, jsonCampaign],
};

/** Of one script's lines. */
export const reporterFor = (format: Format): Reporter => makers[format][0]();

/** Of many cases. */
export const campaignReporter = (format: Format): CampaignReporter => makers[format][1]();

export { type Campaign, type CampaignReporter, namedFiles, singleUnit, type Unit } from "./campaign.js";
export { type Case, type Group, headingOf, type Reporter, type Suite, titleOf } from "./case.js";
