/** KCIDB's I/O schema 5.3, in which CI systems send results to kernelci.org. */
import { createHash } from "node:crypto";
import { hostname, machine, release } from "node:os";
import { UsageError } from "../../../frame/exit.js";
import { type Campaign, type CampaignReporter, type Unit, unitsAtEnd } from "./campaign.js";
import { countsOf } from "./case.js";

/** What only the CI system knows. */
export interface KcidbOptions {
	/** its name in KCIDB */
	readonly origin: string;
	/** the build that was tested, where it is in KCIDB already */
	readonly build?: string;
}

/** This machine and moment, as the tests' own. */
export interface Surroundings {
	readonly host: string;
	readonly release: string;
	/** as uname -m has it */
	readonly architecture: string;
	readonly now: () => Date;
}

/** Statuses by exit code: FAIL is the kernel's fault, ERROR the test's, MISS the machine's. */
const statuses: Readonly<Record<number, string>> = { 0: "PASS", 1: "FAIL", 3: "MISS", 77: "SKIP" };

/** Characters that KCIDB takes of a log, less room for a mark. */
const mostLog = 16_000;

/** @throws UsageError for a name or an ID that KCIDB does not take */
export function kcidbOptions({ origin = "iommuctl", build }: { origin?: string; build?: string }): KcidbOptions {
	if (!/^[a-z0-9_]+$/.test(origin))
		throw new UsageError(`--origin: "${origin}" is not the name of a CI system`, "KCIDB takes lower-case letters, digits and _");
	if (build !== undefined && !/^[a-z0-9_]+:[^\0]+$/.test(build))
		throw new UsageError(`--build: "${build}" is not the ID of a build`, `KCIDB's IDs are ORIGIN:NAME, for example ${origin}:v7.3-x86_64`);
	return { origin, build };
}

/** One document with a test for each unit; checkout and build are described only where no build is named. */
export function kcidbCampaign(
	{ origin, build }: KcidbOptions,
	here: Surroundings = { host: hostname(), release: release(), architecture: machine(), now: () => new Date() },
): CampaignReporter {
	const start = here.now().toISOString();
	return unitsAtEnd((campaign, units) => {
		const kernel = campaign.kernel === "real" ? here.release : "simulated";
		const checkout = `${origin}:${kernel}`;
		const own = build ?? `${checkout}-${here.architecture}`;
		const described = {
			checkouts: [
				{ id: checkout, origin, ...(campaign.kernel === "real" && { git_commit_name: kernel }), misc: { kernel: campaign.which } },
			],
			builds: [{ id: own, checkout_id: checkout, origin, architecture: here.architecture, misc: { kernel: campaign.which } }],
		};
		const document = {
			version: { major: 5, minor: 3 },
			...(build === undefined && described),
			tests: units.map((unit) => testOf(unit, campaign, { origin, build: own, start, host: here.host })),
		};
		return `${JSON.stringify(document)}\n`;
	});
}

interface Run {
	readonly origin: string;
	readonly build: string;
	/** ISO 8601 */
	readonly start: string;
	readonly host: string;
}

function testOf({ name, exit, cases }: Unit, { command, which, note }: Campaign, { origin, build, start, host }: Run): object {
	// The same test on another machine, or later, is another run of it; so is another shard of one campaign of fuzz.
	const shard = note === undefined ? [] : [note.shard];
	const hash = createHash("sha256")
		.update([build, host, start, command, name, ...shard].join("\0"))
		.digest("hex");
	const bad = cases.filter(({ result }) => result === "failed" || result === "error");
	const log = clean(bad.map(({ title, stdout, stderr }) => `${title}\n${stdout}${stderr}`).join("\n"));
	const [skipped] = cases.filter(({ result }) => result === "skipped");
	const comment = clean(cases.length === 1 ? cases[0].title : name);
	return {
		build_id: build,
		id: `${origin}:${command}-${hash.slice(0, 24)}`,
		origin,
		path: pathOf(command, name),
		comment,
		status: statuses[exit] ?? "ERROR",
		...(log !== "" && { log_excerpt: log.length > mostLog ? clean(`${log.slice(0, mostLog)}\n...`) : log }),
		start_time: start,
		environment: { comment: clean(`${host}: ${which}`) },
		misc: {
			name,
			exit,
			...countsOf(cases),
			...(skipped?.reason !== undefined && { skipped_because: skipped.reason }),
			...(note && { shard: note.shard }),
		},
	};
}

/** Without what no string of KCIDB may have. A pair of surrogates that was cut in two becomes U+FFFD. */
const clean = (text: string): string => Buffer.from(text.replaceAll("\0", "")).toString();

/** A name as a place in KCIDB's tree of tests: `iommuctl.litmus.scripts.litmus.map-map`. */
export function pathOf(command: string, name: string): string {
	const parts = name
		.replace(/\.(?:iommu|jsonl|jsonl\.gz)$/, "")
		.split("/")
		.filter((part) => part !== "" && part !== "." && part !== "..");
	return ["iommuctl", command, ...parts.map((part) => part.replace(/[^a-zA-Z0-9_-]/g, "_"))].join(".");
}
