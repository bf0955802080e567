/** KTAP of many cases. */
import type { ShardNote } from "../cases/index.js";
import type { Campaign, CampaignReporter, Unit } from "./campaign.js";
import { noCounts } from "./case.js";
import { indented, joined, KtapBody, ktapResult, ktapTitle, ktapTotals } from "./ktap.js";

/** A result for each unit as soon as it is over; a script is a subtest. */
export function ktapCampaign(): CampaignReporter {
	const counts = noCounts();
	let campaign: Campaign;
	let flat = new KtapBody([]);
	let top = 0;
	return {
		start(given) {
			campaign = given;
			flat = new KtapBody([{ count: given.count }]);
			const { file, which, note, count } = given;
			const shard = note === undefined ? [] : [shardLine(note)];
			return joined(["KTAP version 1", `# file: ${file}`, `# kernel: ${which}`, ...shard, `1..${count}`]);
		},
		one(unit) {
			for (const { result } of unit.cases) counts[result]++;
			return joined(campaign.each === "suite" ? subtest(unit, ++top) : flat.one(unit.cases[0]));
		},
		end: () => ktapTotals(counts),
	};
}

const shardLine = ({ shard, cases, of, list }: ShardNote): string =>
	`# shard: ${shard}; cases ${[...cases, "of", of].join(" ")}${list === undefined ? "" : `; list ${list}`}`;

function subtest({ name, groups, cases }: Unit, number: number): string[] {
	const body = new KtapBody(groups);
	const lines = ["KTAP version 1", `# Subtest: ${name}`, `1..${body.plan}`, ...cases.flatMap((one) => body.one(one))];
	return [...indented(lines), ktapResult(number, ktapTitle(name), cases)];
}
