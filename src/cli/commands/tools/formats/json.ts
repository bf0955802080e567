/** `run --format json`. */
import { errnoName } from "../../../frame/errnos.js";
import { type CampaignReporter, unitsAtEnd } from "./campaign.js";
import { atEnd, type Case, countsOf, type Reporter } from "./case.js";

/** One document for the whole run; the commands' own documents are in it. */
export function json(): Reporter {
	return atEnd((suite, cases, exit) => {
		const document = {
			schema: "iommuctl.report",
			version: 1,
			file: suite.file,
			kernel: suite.kernel,
			kernelDetail: suite.which,
			...countsOf(cases),
			exit,
			cases: cases.map(caseDocument),
		};
		return `${JSON.stringify(document)}\n`;
	});
}

/** The same document of many cases; of scripts each case says which one it is of. */
export function jsonCampaign(): CampaignReporter {
	return unitsAtEnd(({ file, kernel, which, each, note }, units, exit) => {
		const all = units.flatMap(({ name, cases }) => cases.map((one) => ({ name, one })));
		const document = {
			schema: "iommuctl.report",
			version: 1,
			file,
			kernel,
			kernelDetail: which,
			...(note && { shard: note }),
			...countsOf(all.map(({ one }) => one)),
			exit,
			cases: all.map(({ name, one }, at) => ({
				...(each === "suite" && { file: name }),
				...caseDocument({ ...one, number: at + 1 }),
			})),
		};
		return `${JSON.stringify(document)}\n`;
	});
}

function caseDocument({ number, heading, line, title, result, reason, exit, errno, seconds, stdout, stderr }: Case): object {
	return {
		number,
		heading: heading ?? null,
		line: line ?? null,
		command: title,
		result,
		reason: reason ?? null,
		exit,
		errno: errno === 0 ? null : errnoName(errno),
		seconds: seconds === undefined ? null : Number(seconds.toFixed(6)),
		documents: stdout.split("\n").filter(Boolean).map(parsed),
		stderr,
	};
}

/** A line that is not JSON (help, a command that only prints text) stays text. */
function parsed(line: string): unknown {
	try {
		return JSON.parse(line);
	} catch {
		return line;
	}
}
