/** Exports the programs of a trace as one C file. */
import { ioctls, type StructType, structByName } from "../../../structs/index.js";
import type { TraceHeader } from "../format.js";
import type { Program } from "../tools/programs.js";
import { type Helper, type Needs, ProgramWriter } from "./c-program.js";
import { namedInside, structDefinition } from "./c-types.js";
import { Constants } from "./c-values.js";

export interface Exported {
	readonly text: string;
	/** what could not be exported, and where */
	readonly skipped: readonly string[];
}

/**
 * Programs as one C file that needs no uAPI headers: it makes their calls, checks every recorded answer, and exits 0 if
 * all are as recorded, 1 if not, 77 if it cannot run.
 * @param source the origin that the file's comment names
 */
export function exportC(source: string, header: TraceHeader, programs: readonly Program[]): Exported {
	const needs: Needs = { constants: new Constants(), structs: new Map(), helpers: new Set(), paths: new Set(), skipped: [] };
	const functions = programs.map((program, at) => {
		const body = new ProgramWriter(program.name, needs).write(program.steps);
		return [`/* ${comment(program.name)} */`, `static void program_${at + 1}(void)`, "{", ...body, "}"].join("\n");
	});
	const selftest = [...needs.structs.keys()].some(({ name }) => name === "iommu_test_cmd");
	if (selftest) needs.constants.add("IOMMU_TEST_CMD", ioctls.IOMMU_TEST_CMD.request);
	const text = [
		beginning(source, header),
		[...needs.constants.definitions(), "", "typedef uint64_t aligned_u64 __attribute__((aligned(8)));"].join("\n"),
		...withNested(needs.structs).map(([type, used]) => structDefinition(type, used)),
		...helpers(needs.helpers),
		...functions,
		ending(needs.paths, selftest, programs),
	];
	return { text: `${text.join("\n\n")}\n`, skipped: needs.skipped };
}

const comment = (text: string): string => text.replaceAll("*/", "* /").replaceAll(/[\r\n]/g, " ");

/** Structs with those that lie inside them, which must be defined first. */
function withNested(structs: ReadonlyMap<StructType, ReadonlySet<string>>): [StructType, ReadonlySet<string>][] {
	const all = new Map<StructType, ReadonlySet<string>>();
	for (const [type, used] of structs) {
		for (const name of namedInside(type.decl)) {
			const inner = structByName(name);
			if (inner && !all.has(inner)) all.set(inner, structs.get(inner) ?? new Set());
		}
		all.set(type, used);
	}
	return [...all];
}

/** Which kernel gave the answers, as far as the trace says. */
function recordedOn({ kernel, release, machine }: TraceHeader): string {
	if (kernel === undefined) return "";
	const which = comment(String(kernel));
	if (which === "sim") {
		const name = (machine as { readonly name?: unknown } | undefined)?.name;
		return `; the answers are those of iommuctl's simulated kernel${typeof name === "string" ? `, machine ${comment(name)}` : ""}`;
	}
	const linux = which === "real" ? (release === undefined ? "a real kernel" : `Linux ${comment(String(release))}`) : `Linux ${which}`;
	return `; the answers are those of ${linux}`;
}

function beginning(source: string, header: TraceHeader): string {
	return `/*
 * Made by iommuctl from ${comment(source)}${recordedOn(header)}.
 * cc -Wall -Wextra -o reproducer reproducer.c && ./reproducer
 * Exits 0 if every call answered as recorded, 1 if one did not, 77 if it cannot run.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif`;
}

const HELPERS: Readonly<Record<Helper, string>> = {
	eventfd: "int eventfd(unsigned int count, int flags);",
	userfaultfd: "#include <sys/syscall.h>",
	answers: `/* Compares a call's value and errno with what was recorded. */
static void answers(int step, const char *call, long got, long want, int want_errno)
{
	int got_errno = errno;

	if (got == want && (got != -1 || got_errno == want_errno))
		return;
	failures++;
	printf("step %d: %s answered %ld%s%s", step, call, got, got == -1 ? ", " : "", got == -1 ? strerror(got_errno) : "");
	printf(", not %ld%s%s\\n", want, want == -1 ? ", " : "", want == -1 ? strerror(want_errno) : "");
}`,
	field: `static void field_is(int step, const char *name, unsigned long long got, unsigned long long want)
{
	if (got == want)
		return;
	failures++;
	printf("step %d: %s is 0x%llx, not 0x%llx\\n", step, name, got, want);
}

#define field(step, expression, want) \\
	field_is(step, #expression, (unsigned long long)(expression), (unsigned long long)(want))`,
	memory: `/* The programs' memory is at the addresses where it was recorded. */
static void *memory(uint64_t address)
{
	return (void *)(uintptr_t)address;
}`,
	map: `static void map_memory(int step, uint64_t address, uint64_t length, int prot, int flags, int file, off_t offset)
{
	if (mmap(memory(address), length, prot, flags, file, offset) == memory(address))
		return;
	printf("step %d: no memory available at 0x%llx: %s\\n", step, (unsigned long long)address, strerror(errno));
	exit(1);
}`,
	bytes: `static void check_bytes(int step, const char *what, const void *got, const void *want, size_t length)
{
	if (memcmp(got, want, length) == 0)
		return;
	failures++;
	printf("step %d: %s: not the bytes that were recorded\\n", step, what);
}`,
	fill: `static void check_fill(int step, const char *what, const void *got, unsigned char want, size_t length)
{
	for (size_t at = 0; at < length; at++) {
		if (((const unsigned char *)got)[at] == want)
			continue;
		failures++;
		printf("step %d: %s: byte %zu is not 0x%02x\\n", step, what, at, want);
		return;
	}
}`,
	poll: `static void check_poll(int step, int file, short events, short want)
{
	struct pollfd one = { .fd = file, .events = events };

	if (poll(&one, 1, 0) >= 0 && one.revents == want)
		return;
	failures++;
	printf("step %d: poll: events 0x%x, not 0x%x\\n", step, (unsigned int)one.revents, (unsigned int)want);
}`,
};

function helpers(used: ReadonlySet<Helper>): string[] {
	return ["static int failures;", ...Object.entries(HELPERS).flatMap(([name, text]) => (used.has(name as Helper) ? [text] : []))];
}

function ending(paths: ReadonlySet<string>, selftest: boolean, programs: readonly Program[]): string {
	const needed = new Set(["/dev/iommu", ...paths]);
	const list = [...needed].map((path) => `\t\t${JSON.stringify(path)},`);
	const probe = `
	/* A call that the kernel knows refuses a struct of size 0, and does nothing. */
	unsigned char nothing[128] = { 0 };
	int iommu = open("/dev/iommu", O_RDWR | O_CLOEXEC);

	if (iommu >= 0 && ioctl(iommu, IOMMU_TEST_CMD, nothing) == -1 && errno == ENOTTY) {
		printf("skipped: this kernel has no selftest driver (CONFIG_IOMMUFD_TEST)\\n");
		return 77;
	}
	close(iommu);
`;
	return `int main(void)
{
	static const char *const needed[] = {
${list.join("\n")}
	};

	for (size_t at = 0; at < sizeof(needed) / sizeof(needed[0]); at++) {
		if (access(needed[at], R_OK | W_OK) == 0)
			continue;
		printf("skipped: %s: %s\\n", needed[at], strerror(errno));
		return 77;
	}
${selftest ? probe : ""}
${programs.map((_, at) => `\tprogram_${at + 1}();`).join("\n")}
	printf("%s\\n", failures == 0 ? "every call answered as recorded" : "not as recorded");
	return failures == 0 ? 0 : 1;
}`;
}
