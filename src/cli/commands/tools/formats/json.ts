/** `run --format json`. */
import { errnoName } from "../../../frame/errnos.js";
import { atEnd, type Case, noCounts, type Reporter } from "./case.js";

/** One document for the whole run; the commands' own documents are in it. */
export function json(): Reporter {
	return atEnd((suite, cases, exit) => {
		const counts = noCounts();
		for (const { result } of cases) counts[result]++;
		const document = {
			schema: "iommuctl.report",
			version: 1,
			file: suite.file,
			kernel: suite.kernel,
			kernelDetail: suite.which,
			...counts,
			exit,
			cases: cases.map(caseDocument),
		};
		return `${JSON.stringify(document)}\n`;
	});
}

function caseDocument({ number, heading, line, title, result, reason, exit, errno, seconds, stdout, stderr }: Case): object {
	return {
		number,
		heading: heading ?? null,
		line,
		command: title,
		result,
		reason: reason ?? null,
		exit,
		errno: errno === 0 ? null : errnoName(errno),
		seconds: Number(seconds.toFixed(6)),
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
