/** `contract`: what a call checks, in the order in which the kernel does. */
import { CURRENT_RELEASE } from "../../../../structs/release.js";
import { errnoName } from "../../../kernel/errno.js";
import type { CallContract, ContractCheck } from "../../../sim/index.js";
import type { Family, Invocation } from "../../frame/command.js";
import { done, type Outcome, UsageError } from "../../frame/exit.js";
import { didYouMean } from "../../frame/suggest.js";
import { plural, table } from "../../frame/text.js";

const errnoOf = ({ errno }: ContractCheck): string | null => (errno === 0 ? null : errnoName(errno));

/** Why we know that a real kernel makes the check. */
function witness({ answers, tested }: ContractCheck): string {
	if (answers > 0) return plural(answers, "recorded answer");
	return tested ? "a test only" : "unwitnessed";
}

/** `ioas map`, `ioas-map` and `IOMMU_IOAS_MAP` are the same call. */
function named(calls: readonly CallContract[], words: readonly string[]): CallContract {
	const typed = words.join("-");
	const id = typed
		.toLowerCase()
		.replace(/^iommu[_-]/, "")
		.replaceAll("_", "-");
	const found = calls.find((call) => call.id === id || call.id === `test-${id.replace(/^selftest-/, "")}`);
	if (found) return found;
	throw new UsageError(
		`no call is named ${JSON.stringify(words.join(" "))}`,
		didYouMean(
			typed,
			calls.flatMap(({ call, id: own }) => [call, own]),
		) ?? "`iommuctl contract` lists them",
	);
}

function show({ call, id, checks }: CallContract, { out, io }: Invocation): void {
	io.stdout.write(`${out.strong(`${call} (${id})`)}: ${plural(checks.length, "check")}, in the order in which the kernel makes them\n`);
	const width = Math.max(...checks.map((check) => (errnoOf(check) ?? "-").length));
	const digits = `${checks.length}`.length;
	for (const [at, check] of checks.entries()) {
		const number = `${at + 1}`.padStart(digits);
		const from = [check.vendor, check.since && `since Linux ${check.since}`, check.source, witness(check)].filter(Boolean).join("; ");
		io.stdout.write(
			`${number}  ${out.bad((errnoOf(check) ?? "-").padEnd(width))}  ${out.name(check.check.slice(id.length + 1))}: ${check.rule}\n`,
		);
		io.stdout.write(`${" ".repeat(digits + width + 4)}${out.faint(from)}\n`);
	}
}

async function run(inv: Invocation): Promise<Outcome> {
	const { args, common, io, out } = inv;
	const { contract } = await import("../../../sim/index.js");
	const all = await contract();
	const calls = args.length === 0 ? all : [named(all, args)];
	if (common.json) {
		const document = {
			schema: "iommuctl.contract",
			version: 1,
			release: CURRENT_RELEASE,
			calls: calls.map(({ call, id, checks }) => ({
				call,
				id,
				checks: checks.map((check) => ({
					check: check.check,
					errno: errnoOf(check),
					rule: check.rule,
					text: check.text,
					since: check.since ?? null,
					source: check.source,
					vendor: check.vendor ?? null,
					witnesses: { answers: check.answers, test: check.tested },
				})),
			})),
		};
		io.stdout.write(`${JSON.stringify(document)}\n`);
		return done;
	}
	if (args.length > 0) {
		show(calls[0], inv);
		return done;
	}
	const rows = calls.map(({ call, checks }) => {
		const unwitnessed = checks.filter(({ answers, tested }) => answers === 0 && !tested).length;
		return [call, plural(checks.length, "check"), unwitnessed === 0 ? "" : `${unwitnessed} unwitnessed`];
	});
	io.stdout.write(
		`${table(rows, io.stdout.columns)
			.map((row) => row.replace(/^\S+/, (name) => out.name(name)))
			.join("\n")}\n`,
	);
	return done;
}

const family: Family = {
	name: "contract",
	apart: true,
	commands: [
		{
			name: "",
			summary: "what a call checks, in the order in which the kernel does",
			details: [
				"Each check with its errno, what must hold, who says so, since when, and how many answers that real kernels gave are known",
				"to be for it. `a test only`: no recorded answer shows it. The checks are those of the simulated kernel, which fails by them",
				"(`why:` below a failed call names one); hardware's own stand where the kernel asks its driver.",
			].join("\n"),
			args: [
				{ name: "CALL", doc: "IOMMU_IOAS_MAP, ioas-map or ioas map; without it, all calls are listed", variadic: true, optional: true },
			],
			examples: [
				["contract", ""],
				["contract ioas map", "what can go wrong in IOMMU_IOAS_MAP, in order"],
				["contract --json", "every check of every call"],
			],
			run,
		},
	],
};
export default family;
