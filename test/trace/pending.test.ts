/** A recording that ends in a call which never returned. */
import { appendFileSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Kernel } from "../../src/kernel/kernel.js";
import { wrapKernel } from "../../src/kernel/wrap.js";
import { pendingCall } from "../../src/trace/pending.js";
import { recording } from "../../src/trace/recording.js";
import { TraceWriter } from "../../src/trace/writer.js";
import { ioctls } from "../../structs/index.js";
import { iommuctl } from "../cli/cli.js";
import { FakeKernel } from "./fake-kernel.js";

const folder = mkdtempSync(join(tmpdir(), "pending-"));
const request = ioctls.IOMMU_IOAS_ALLOC.request;
const bytes = () => Buffer.from("0c0000000000000000000000", "hex");

/** What the file has while each call of a program is made. */
function during(name: string, program: (kernel: Kernel) => void): string[] {
	const file = join(folder, name);
	const seen: string[] = [];
	const look = <R>(answer: R): R => {
		seen.push(readFileSync(file, "utf8").split("\n").at(-1) ?? "");
		return answer;
	};
	const writer = new TraceWriter(file);
	const fake = new FakeKernel();
	const kernel = recording(
		wrapKernel(fake, {
			ioctl: (fd, number, arg) => look(fake.ioctl(fd, number, arg)),
			read: () => look(0),
			write: () => look(-9),
			close: (fd) => look(fd === 3 ? 0 : -9),
		}),
		writer,
	);
	program(kernel);
	writer.close();
	return seen;
}

describe("a call", () => {
	const program = (kernel: Kernel) => {
		kernel.open("/dev/iommu");
		kernel.ioctl(3, request, bytes());
		kernel.ioctl(3, request, 7n);
		kernel.read(3, new Uint8Array(4));
		kernel.write(3, { addr: 4096n, length: 8 });
		kernel.close(99);
		kernel.close(3);
	};

	test("is in the file before it is made", () => {
		const seen = during("calls.jsonl", program);
		expect(seen).toEqual([
			'{"op":"ioctl","fd":"iommu1","request":"IOMMU_IOAS_ALLOC","arg":"0c0000000000000000000000"',
			'{"op":"ioctl","fd":"iommu1","request":"IOMMU_IOAS_ALLOC","arg_addr":"0x7"',
			'{"op":"read","fd":"iommu1","length":4',
			'{"op":"write","fd":"iommu1","addr":"0x1000","length":8',
			'{"op":"close","fd":"none"',
			'{"op":"close","fd":"iommu1"',
		]);
		for (const part of seen) expect(pendingCall(part)).toMatchObject({ pending: true });
	});

	test("leaves the same lines as ever once it has returned; one that is not recorded leaves none", () => {
		const lines = readFileSync(join(folder, "calls.jsonl"), "utf8").trim().split("\n");
		for (const line of lines) expect(() => JSON.parse(line)).not.toThrow();
		expect(lines.filter((line) => line.includes("close"))).toEqual(['{"op":"close","fd":"iommu1"}']);
		expect(lines.slice(3, 5)).toEqual([
			'{"op":"ioctl","fd":"iommu1","request":"IOMMU_IOAS_ALLOC","arg":"0c0000000000000000000000","ret":0}',
			'{"op":"ioctl","fd":"iommu1","request":"IOMMU_IOAS_ALLOC","arg_addr":"0x7","ret":0}',
		]);
	});
});

describe("a trace that ends in a call", () => {
	const file = join(folder, "hung.jsonl");
	const whole = join(folder, "whole.jsonl");
	iommuctl(["run", "-", "--kernel", "sim", "--record", whole], { input: "ioas alloc\nioas map 1 --length 4k" });
	const text = readFileSync(whole, "utf8");
	writeFileSync(file, text.slice(0, text.indexOf(',"ret"', text.indexOf("IOAS_MAP"))));

	test("is shown, replayed up to there, and says which call", () => {
		const shown = iommuctl(["trace", "show", file]);
		expect(shown.stdout).toMatch(/IOMMU_IOAS_MAP, \{.*\}\) = \? \(it had not returned when the recording ended\)\n$/);
		const replayed = iommuctl(["replay", file]);
		expect(replayed.stdout).toContain("1 programs, 1 steps, 0 differing");
		expect(replayed.stderr).toContain("hung.jsonl:6: the file ends in program program, in a call that never returned: IOMMU_IOAS_MAP\n");
		expect(replayed.status).toBe(2);
	});

	test("is exported with the call, and without its answer", () => {
		const { stdout } = iommuctl(["trace", "export", "--c", file]);
		expect(stdout).toContain("the recording ends here: this call had not returned");
		expect(stdout).toMatch(/if \(ioctl\(\w+, IOMMU_IOAS_MAP, &cmd\) < 0\)\n/);
	});

	test("keeps it when it is appended to", () => {
		expect(iommuctl(["ioas", "alloc", "--kernel", "sim", "--record", file]).status).toBe(0);
		expect(iommuctl(["trace", "show", file]).stdout).toMatch(/= \? \(it had not.*\nprogram\n.*open.*\n.*IOMMU_IOAS_ALLOC/);
		expect(iommuctl(["replay", file]).stdout).toContain("2 programs, 2 steps, 0 differing");
	});

	test("with something behind it is damaged", () => {
		appendFileSync(join(folder, "calls.jsonl"), '{"program":"p"}\n{"op":"close","fd":"x"\n{"op":"end"}\n');
		expect(iommuctl(["trace", "show", join(folder, "calls.jsonl")]).stderr).toMatch(/calls\.jsonl:\d+:\d+: not JSON/);
	});
});
