/** Writes a test as a C program with POSIX threads. */
import { errnoNames, errnoNumber } from "../../kernel/errno.js";
import { Constants } from "../../trace/export/c-values.js";
import { type Outcome, outcomeKey } from "../outcome.js";
import type { LitmusTest, Part } from "../test.js";
import { type CNeeds, callLines, definitions } from "./call.js";
import { BEGINNING, ending, HELPERS } from "./runtime.js";

/**
 * A test as C, which needs no uAPI headers: it races its threads for as many rounds as its argument says (10,000), prints how often it saw
 * which outcome, and exits with 1 if one is not among `allowed`.
 */
export function raceInC(test: LitmusTest, allowed: readonly Outcome[]): string {
	const needs: CNeeds = { constants: new Constants(), structs: new Map() };
	const setup = partFunction(test, test.setup, needs, "setup");
	const threads = test.threads.map((part, at) => partFunction(test, part, needs, `thread_${at}`));
	const last = partFunction(test, test.finally, needs, "last");
	const selftest = [...needs.structs.keys()].some(({ name }) => name === "iommu_test_cmd");
	const names = test.threads.map((_, at) => `thread_${at}`).join(", ");
	const errnos = [...errnoNames()].map((name) => `\t{ ${errnoNumber(name)}, "${name}" },`);
	const about = comment(test.about === "" ? test.file : `${test.file}: ${test.about}`);
	const text = [
		`/*\n * Made by iommuctl from ${about}\n * cc -O2 -Wall -Wextra -Werror -pthread -o race race.c && ./race [ROUNDS]\n * Exits 0 if every outcome is one that some order of the calls gives, 1 if not, 77 if it cannot run${selftest ? " (it needs CONFIG_IOMMUFD_TEST)" : ""}.\n */`,
		BEGINNING,
		[...needs.constants.definitions(), "", "typedef uint64_t aligned_u64 __attribute__((aligned(8)));"].join("\n"),
		...definitions(needs),
		`static const struct {\n\tint number;\n\tconst char *name;\n} errnos[] = {\n${errnos.join("\n")}\n};`,
		HELPERS,
		slotsIn(test),
		setup,
		...threads,
		last,
		`#define THREADS ${test.threads.length}\n\nstatic void (*const threads[])(struct text *) = { ${names} };`,
		cleanup(test),
		`#define ALLOWED ${allowed.length}\n\n/* What some order of the calls answers. */\nstatic const char *const allowed[] = {\n${allowed.map((one) => `\t${JSON.stringify(outcomeKey(one))},`).join("\n")}\n};`,
		ending(test.threads.map(({ process }) => process === true)),
	];
	return `${text.join("\n\n")}\n`;
}

const comment = (text: string): string => text.replaceAll("*/", "* /").replaceAll(/[\r\n]/g, " ");

function partFunction(test: LitmusTest, part: Part, needs: CNeeds, name: string): string {
	const body = part.lines.flatMap(({ source }, line) => [
		`\t/* ${comment(source)} */`,
		`\tbegin(text, "${part.name}.${line + 1}");`,
		...part.calls
			.filter((call) => call.line === line)
			.flatMap((call) => ["\t{", ...callLines(test, call, needs).map((one) => `\t\t${one}`), "\t}"]),
		...(name === "setup" ? [`\tcheck_setup(text, ${JSON.stringify(comment(source))});`] : []),
	]);
	return `static void ${name}(struct text *text)\n{\n${body.length === 0 ? "\t(void)text;" : body.join("\n")}\n}`;
}

/** Files, IDs and values, and what they are called. */
function slotsIn({ slots, setupSlots }: LitmusTest): string {
	const named = slots.map(({ name, kind }, at) => `\t[${at}] = ${at < setupSlots && kind === "id" ? JSON.stringify(name) : "NULL"},`);
	const starts = slots.map(({ kind }) => (kind === "file" ? "-1" : "0"));
	const count = Math.max(slots.length, 1);
	return `static int64_t slots[${count}];
static const int64_t empty[${count}] = { ${starts.join(", ") || "0"} };
/* The objects that the setup makes. */
UNUSED static const char *const names[${count}] = {
${named.join("\n") || "\tNULL,"}
};

UNUSED static void id_field(struct text *text, const char *name, uint64_t before, uint64_t after)
{
	const char *which = after ? "another" : "0";

	if (before == after)
		return;
	for (size_t at = 0; after && at < ${count}; at++) {
		if (!names[at] || (uint64_t)slots[at] != after)
			continue;
		which = names[at];
		break;
	}
	say(text, " %s=%s", name, which);
}

static void start(void)
{
	memcpy(slots, empty, sizeof(slots));
}

UNUSED static void check_setup(const struct text *text, const char *line)
{
	if (!text->failed)
		return;
	printf("skipped: the setup fails: %s: %s\\n", line, text->bytes + text->line);
	exit(77);
}`;
}

/** Closes files, the last one first, and unmaps memory. */
function cleanup({ slots, setup, threads, finally: last }: LitmusTest): string {
	const closes = slots
		.flatMap(({ kind }, at) => (kind === "file" ? [`\tif (slots[${at}] > 2)\n\t\tclose((int)slots[${at}]);`] : []))
		.toReversed();
	const mapped = [setup, ...threads, last].flatMap(({ calls }) => calls.filter(({ op }) => op === "mmap"));
	const unmaps = mapped.map(({ addr, length }) => `\tmunmap(memory(0x${(addr as bigint).toString(16)}), ${length});`);
	return `static void cleanup(void)\n{\n${[...closes, ...unmaps].join("\n")}\n}`;
}
