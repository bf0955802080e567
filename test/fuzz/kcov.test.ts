/** Coverage by KCOV, on a kernel that has its file. */
import { expect, test } from "vitest";
import { Campaign, Fuzzer, Kcov } from "../../src/fuzz/index.js";
import { ENOENT, ENOTTY } from "../../src/kernel/errno.js";
import type { Kernel } from "../../src/kernel/kernel.js";
import { wrapKernel } from "../../src/kernel/wrap.js";
import { createSim } from "../../src/sim/index.js";
import { side } from "./support.js";

/** A kernel with the file, which was at these places when tracing ends. */
function covered(rounds: number[][]): { kernel: Kernel; calls: string[] } {
	const process = createSim().newProcess();
	const calls: string[] = [];
	let memory = 0n;
	const kernel = wrapKernel(process, {
		open: (path) => (path === "/sys/kernel/debug/kcov" ? 9 : -ENOENT),
		mmap({ length }) {
			memory = process.mmap({ addr: 0n, length, prot: 3 });
			return memory;
		},
		ioctl(_fd, request, arg) {
			calls.push(`${request.toString(16)} ${arg}`);
			if (request !== 0x6365) return 0;
			const places = rounds.shift() ?? [];
			const words = new BigUint64Array([BigInt(places.length), ...places.map((place) => 0xffffffff_00000000n | BigInt(place))]);
			process.poke(memory, new Uint8Array(words.buffer));
			return 0;
		},
	});
	return { kernel, calls };
}

test("tells how many places were reached for the first time", () => {
	const many = Array.from({ length: 10_000 }, (_, at) => 0x8100_0000 + at);
	const { kernel, calls } = covered([[0x8100_0001, 0x8100_0002, 0x8100_0001], [0x8100_0002], many]);
	const kcov = Kcov.open(kernel) as Kcov;
	const fresh = [0, 1, 2].map(() => {
		kcov.begin();
		return kcov.end();
	});
	expect(fresh).toEqual([2, 0, 9_998]);
	expect(calls.slice(0, 3)).toEqual(["80086301 262144", "6364 0", "6365 0"]);
});

test("is not there where the kernel lacks it", () => {
	expect(Kcov.open(createSim().newProcess())).toBeUndefined();
	const { kernel } = covered([]);
	expect(Kcov.open(wrapKernel(kernel, { ioctl: () => -ENOTTY, close: () => 0 }))).toBeUndefined();
});

test("a program that reaches new code is kept to make others of", async () => {
	const campaign = new Campaign({ seed: 1 });
	const kept: number[] = [];
	campaign.keep = ({ number }) => kept.push(number);
	const reached = [5, 0, 3];
	const right = { ...side("covered"), coverage: { begin: () => {}, end: () => reached.shift() ?? 0 } };
	const fuzzer = new Fuzzer({ campaign, left: side("sim"), leftDrew: true, right });
	const covered = [];
	for (const number of [0, 1, 2]) covered.push((await fuzzer.run(number)).covered);
	expect(covered).toEqual([true, false, true]);
	expect(kept).toEqual([0, 2]);
});
