/** Benchmark: what the calls of a recorded program cost that are not recorded. It has one recorded file open, and needs a C compiler. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type Ended, recordProgram } from "../src/record/index.js";
import type { BenchRow } from "./row.js";

/** Calls are timed in bursts short enough not to be interrupted by other work of the machine; the best burst counts. */
const BURSTS = 400;
const BURST = 500;
/** The ways to run the program take turns, so that none has the quiet minutes for itself. */
const ROUNDS = 8;

const PROGRAM = `
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static char piece[16384];
static volatile unsigned sum;

static void call(int which, int file)
{
	if (which == 0) syscall(SYS_getppid);
	else if (which == 1) syscall(SYS_read, file, piece, 1);
	else {
		syscall(SYS_read, file, piece, sizeof piece);
		for (unsigned i = 0; i < sizeof piece; i++) sum = sum * 31 + piece[i];
	}
}

static double nanoseconds(int which, int file, int calls)
{
	double best = 1e18;
	for (int burst = 0; burst < ${BURSTS}; burst++) {
		struct timespec start, end;
		clock_gettime(CLOCK_MONOTONIC, &start);
		for (int i = 0; i < calls; i++) call(which, file);
		clock_gettime(CLOCK_MONOTONIC, &end);
		double ns = ((end.tv_sec - start.tv_sec) * 1e9 + (end.tv_nsec - start.tv_nsec)) / calls;
		if (ns < best) best = ns;
	}
	return best;
}

int main(int count, char **args)
{
	/* allows everything by the call's number; the longer one looks at the first argument of read */
	struct sock_filter rules[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_read, 0, 1),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 16),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {args[2][0] == 'a' ? 4 : 1, args[2][0] == 'a' ? rules : rules + 3};
	int recorded = open("/dev/full", O_RDWR), file = open("/dev/zero", O_RDONLY);
	FILE *out = fopen(args[1], "w");
	if (recorded < 0 || file < 0 || !out) return 1;
	if (args[2][0] != 'b' && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter)))
		return 1;
	fprintf(out, "[%f, %f, %f]", nanoseconds(0, file, ${BURST}), nanoseconds(1, file, ${BURST}), nanoseconds(2, file, 5));
	return fclose(out);
}
`;

/** ns of a bare call, of a read of one byte from another file, and of a read with work on what it brings */
type Costs = [bare: number, read: number, work: number];

export async function run(): Promise<BenchRow[]> {
	// The recording thread's FFI is the build's, and must stay loaded once the thread has ended.
	createRequire(resolve("dist/main.cjs"))("ffi-napi");
	const folder = mkdtempSync(join(tmpdir(), "iommuctl-bench-"));
	try {
		const source = join(folder, "calls.c");
		const program = join(folder, "calls");
		const out = join(folder, "out");
		writeFileSync(source, PROGRAM);
		if (!["cc", "gcc", "clang"].some((compiler) => spawnSync(compiler, ["-O2", "-o", program, source]).status === 0))
			throw new Error("the program could not be compiled: a C compiler with the kernel's headers is wanted");
		const plain = (filter: string) => async (): Promise<Costs> => {
			if (spawnSync(program, [out, filter]).status !== 0) throw new Error(`the program with filter ${filter} failed`);
			return JSON.parse(readFileSync(out, "utf8"));
		};
		const recorded = async (): Promise<Costs> => {
			const ended = await record(program, [out, "bare"], folder);
			if (!("code" in ended) || ended.code !== 0 || ended.programs !== 1) throw new Error(`recording: ${JSON.stringify(ended)}`);
			return JSON.parse(readFileSync(out, "utf8"));
		};
		const [bare, byNumber, byArgument, ours] = await inTurns([plain("bare"), plain("number"), plain("argument"), recorded]);
		return [
			{
				name: "a call that is never recorded",
				value: ours[0],
				unit: "ns",
				baseline: { name: "under any filter, such as a container's", value: byNumber[0] },
				limit: "at most 1.02 times",
			},
			{
				name: "the same",
				value: ours[0],
				unit: "ns",
				baseline: { name: "without any filter", value: bare[0] },
			},
			{
				name: "a read of one byte from another file",
				value: ours[1],
				unit: "ns",
				baseline: { name: "under any filter that looks at the descriptor", value: byArgument[1] },
			},
			{
				name: "a read of 16 KiB from another file, and a sum over them",
				value: ours[2],
				unit: "ns",
				baseline: { name: "without any filter", value: bare[2] },
				limit: "at most 1.02 times",
			},
		];
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
}

function record(program: string, args: readonly string[], cwd: string): Promise<Ended> {
	return recordProgram({
		file: join(cwd, "trace.jsonl"),
		header: { kernel: "real" },
		program,
		args,
		paths: ["/dev/full"],
		name: "calls",
		time: false,
		withMemory: false,
		cwd,
		env: {},
		worker: pathToFileURL(resolve("dist/recorder.cjs")),
		stub: resolve("dist/recorded.cjs"),
	});
}

/** The smallest value of each cost that each way measured in any round. */
async function inTurns(ways: readonly (() => Promise<Costs>)[]): Promise<Costs[]> {
	const least = ways.map((): Costs => [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]);
	for (let round = 0; round < ROUNDS; round++)
		for (const [i, way] of ways.entries()) {
			const costs = await way();
			least[i] = least[i].map((value, at) => Math.min(value, costs[at])) as Costs;
		}
	return least;
}
