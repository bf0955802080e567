/** Interrupts, regions and resets of VFIO devices from the command line, and in recordings. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { documents, iommuctl, script } from "../cli.js";

const folder = mkdtempSync(join(tmpdir(), "iommuctl-irq-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Document {
	readonly schema: string;
	readonly command?: string;
	readonly id?: number | string | null;
	readonly details?: Record<string, unknown>;
	readonly irqs?: unknown[];
	readonly errno?: { readonly name: string };
}

const run = (lines: readonly string[], ...args: string[]) =>
	documents(script(lines, "--machine", "vtd", "--json", "--keep-going", ...args)) as unknown as Document[];
/** Bind edu, with its memory and bus mastering on. */
const bound = ["device bind vfio0", "device write vfio0 config 4 6 --length 2"];

describe("sim irq", () => {
	test("INTx: signalled, then pending until it is unmasked", () => {
		const all = run([
			...bound,
			"sim irq vfio0",
			"e = file eventfd",
			"device set-irqs vfio0 --eventfd $e",
			"sim irq vfio0 --bits 2",
			"sim irqs",
		]);
		const raised = all
			.filter(({ command }) => command === "sim irq")
			.map(({ details }) => [details?.kind, details?.delivery, details?.asserted]);
		// what was asserted before is delivered when the eventfd is set
		expect(raised).toEqual([
			[null, "nobody", true],
			["INTx", "pending", true],
		]);
		expect(all.find(({ schema }) => schema === "iommuctl.sim-irqs")).toMatchObject({
			irqs: [{ device: "vfio0", kind: "INTx", vector: 0, masked: true, asserted: true, eventfd: true, count: 1 }],
		});
	});

	test("MSI-X by its vectors, and what the host asks for", () => {
		const all = run([
			"device bind vfio6",
			"e = file eventfd",
			"f = file eventfd 5",
			"device set-irqs vfio6 --index msi-x --eventfd $e --eventfd -1 --eventfd $f",
			"device set-irqs vfio6 --index req --eventfd $e",
			"sim irq vfio6 --vector 2",
			"sim irq vfio6 --vector 1",
			"sim irq vfio6 --index req",
			"sim irqs",
			"expect EINVAL sim irq vfio6 --vector 4",
		]);
		const raised = all
			.filter(({ command }) => command === "sim irq")
			.map(({ details }) => [details?.kind, details?.vector, details?.delivery]);
		expect(raised.slice(0, 3)).toEqual([
			["MSI-X", 2, "signalled"],
			["MSI-X", 1, "nobody"],
			["REQ", 0, "signalled"],
		]);
		expect(all.find(({ schema }) => schema === "iommuctl.sim-irqs")?.irqs).toMatchObject([
			{ kind: "MSI-X", vector: 0, count: 1 },
			{ kind: "MSI-X", vector: 2, count: 6 },
			{ kind: "REQ", vector: 0, count: 1 },
		]);
	});

	test("sim wake tells who was to be told", () => {
		// LOW_POWER_ENTRY_WITH_WAKEUP with the eventfd, which is file 5
		const lines = ["device bind vfio0", "sim wake vfio0", "e = file eventfd", "check $e == 5"];
		const all = run([...lines, "raw 0x3b75 10000000040002000500000000000000 --on-device vfio0", "sim wake vfio0", "file read $e 8"]);
		expect(all.filter(({ command }) => command === "sim wake").map(({ details }) => details?.woken)).toEqual([false, true]);
		expect(all.find(({ command }) => command === "file read")?.details?.data).toBe("0100000000000000");
	});

	test("devices without interrupts", () => {
		const { status, stderr } = iommuctl(["sim", "irq", "vfio99", "--kernel", "sim", "--machine", "vtd"]);
		expect([status, stderr]).toEqual([2, expect.stringContaining('there is no device "vfio99" in machine vtd')]);
	});
});

describe("device read and write", () => {
	test("a register as a number, more as bytes", () => {
		const all = run([
			...bound,
			"device read vfio0 bar0 0",
			"device read vfio0 config 0 16",
			"device read vfio0 config 0x1000",
			"device read vfio0 bar9 0",
		]);
		const read = all.filter(({ command }) => command === "device read");
		expect(read.map(({ id, details, errno }) => [id, details?.data, errno?.name ?? null]).slice(0, 2)).toEqual([
			["0x10000ed", "ed000001", null],
			[null, "3412e811060010001000ff0000000000", null],
		]);
		expect(read[2].errno?.name).toBe("EFAULT");
	});

	test("mistakes", () => {
		const mistake = (line: string) => script([line], "--machine", "vtd").stderr;
		expect(mistake("device read vfio0 bar9 0")).toContain('REGION: "bar9" is not a region');
		expect(mistake("device write vfio0 bar0 0 0x100000000")).toContain("VALUE: 4294967296 does not fit into 4 bytes");
		expect(mistake("device set-irqs vfio0 --index x")).toContain('--index: "x" is not a kind of interrupt');
		expect(mistake("device set-irqs vfio0 --eventfd 3 --bool 1")).toContain("--eventfd and --bool both give the data");
	});
});

test("a recording has eventfds, replays, and becomes C", () => {
	const trace = join(folder, "t.jsonl");
	const lines = [
		...bound,
		"e = file eventfd 2",
		"device set-irqs vfio0 --eventfd $e",
		"device write vfio0 bar0 0x60 1",
		"file read $e 8",
		"device reset vfio0",
	];
	script([...lines.slice(0, -1), `expect EINVAL ${lines.at(-1)}`], "--machine", "vtd", "--record", trace);
	const steps = readFileSync(trace, "utf8").split("\n");
	expect(steps).toContain('{"op":"eventfd","fd":"eventfd1","count":2}');
	expect(steps.find((line) => line.includes("VFIO_DEVICE_SET_IRQS"))).toContain('"fd_in":{"20":"eventfd1"}');
	expect(steps.find((line) => line.includes('"fd":"eventfd1","length":8'))).toContain('"data":"0300000000000000"');
	const { status, stdout } = iommuctl(["replay", trace]);
	expect([status, stdout]).toEqual([0, expect.stringMatching(/1 programs, \d+ steps, 0 differing/)]);
	expect(iommuctl(["trace", "show", trace]).stdout).toContain("eventfd(count 2) = eventfd1");
	expect(iommuctl(["trace", "export", "--c", trace]).stdout).toContain("= eventfd(2, O_NONBLOCK | O_CLOEXEC);");
});
