/** Tests of the export for Perfetto. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ChromeEvent, exportPerfetto } from "../../../src/trace/export/perfetto.js";
import type { Step } from "../../../src/trace/format.js";
import { importQemu } from "../../../src/trace/import/qemu.js";
import { readPrograms } from "../../../src/trace/tools/programs.js";
import { destroy, ioasAlloc, ioasMap, mmap, open } from "../tools/fixtures.js";
import { problemsOf } from "./chrome-events.js";

function drawn(...programs: (readonly Step[])[]): ChromeEvent[] {
	const document = JSON.parse(exportPerfetto(programs.map((steps, at) => ({ name: `p${at}`, line: 2, steps, lines: [] }))));
	expect(document.otherData).toEqual({ schema: "iommuctl.perfetto", version: 1 });
	return document.traceEvents;
}

describe("trace export --perfetto", () => {
	it("draws calls on the track of their file, an object's life, the calls that use it, and what is mapped", () => {
		const events = drawn([open(), mmap(), ioasAlloc(), ioasMap({ flags: 7 }), destroy(1)]);
		expect(problemsOf(events)).toEqual([]);
		expect(events.filter(({ ph }) => ph === "M").map(({ tid, args }) => [tid, args?.name])).toEqual([
			[0, "p0"],
			[1, "iommu1 (/dev/iommu)"],
			[2, "memory"],
		]);
		expect(events.filter(({ ph }) => ph === "X").map(({ name, tid, ts, dur }) => [name, tid, ts, dur])).toEqual([
			["open", 1, 1, 1],
			["mmap", 2, 2, 1],
			["IOMMU_IOAS_ALLOC", 1, 3, 1],
			["IOMMU_IOAS_MAP", 1, 4, 1],
			["IOMMU_DESTROY", 1, 5, 1],
		]);
		expect(events.filter(({ ph }) => ph === "b" || ph === "e").map(({ ph, name, ts }) => [ph, name, ts])).toEqual([
			["b", "ioas 1", 4],
			["e", "ioas 1", 6],
		]);
		expect(events.filter(({ ph }) => ph === "s" || ph === "f").map(({ ph, ts, tid }) => [ph, ts, tid])).toEqual([
			["s", 3.5, 1],
			["f", 4.5, 1],
			["s", 3.5, 1],
			["f", 5.5, 1],
		]);
		expect(events.filter(({ ph }) => ph === "C").map(({ name, args, ts }) => [name, args, ts])).toEqual([
			["mapped bytes, iommu1 ioas 1", { bytes: 4096 }, 5],
			["mapped bytes, iommu1 ioas 1", { bytes: 0 }, 6],
		]);
	});

	it("takes the steps' times and durations; calls that overlap are side by side; objects end with their file", () => {
		const timed = (step: Step, time: number, duration?: number): Step => ({ ...step, time, ...(duration !== undefined && { duration }) });
		const steps = [timed(open(), 10), timed(ioasAlloc(), 20, 8), timed(ioasAlloc(2), 24, 8), timed({ op: "close", fd: "iommu1" }, 50)];
		const events = drawn(steps);
		expect(problemsOf(events)).toEqual([]);
		expect(events.filter(({ ph }) => ph === "X").map(({ ts, dur, tid }) => [ts, dur, tid])).toEqual([
			[10, 1, 1],
			[20, 8, 1],
			[24, 8, 2],
			[50, 1, 1],
		]);
		expect(events.filter(({ ph }) => ph === "e").map(({ name, ts }) => [name, ts])).toEqual([
			["ioas 1", 51],
			["ioas 2", 51],
		]);
		// One step without a time: the numbers are the only clock that all have.
		expect(
			drawn([steps[0], ioasAlloc()])
				.filter(({ ph }) => ph === "X")
				.map(({ ts }) => ts),
		).toEqual([1, 2]);
	});

	it("draws recorded programs and QEMU's events without a problem", async () => {
		const qemu = importQemu(readFileSync("test/fixtures/import/qemu-10.log", "utf8")).steps;
		const events = drawn(qemu);
		expect(problemsOf(events)).toEqual([]);
		expect(events.filter(({ ph }) => ph === "C").map(({ args }) => args?.bytes)).toEqual([0xa0000, 0xb0000, 0x2b0000, 0x2a0000, 0]);
		for (const suite of ["iova", "access", "nested", "viommu", "vfio"]) {
			const { programs } = await readPrograms(`test/fixtures/golden/${suite}.jsonl.gz`);
			expect(problemsOf(drawn(...programs.slice(0, 40).map(({ steps }) => steps))), suite).toEqual([]);
		}
	});

	it("holds for any times", () => {
		const step = fc.constantFrom<Step>(open(), mmap(), ioasAlloc(), ioasMap({ flags: 7 }), destroy(1), { op: "close", fd: "iommu1" });
		const time = fc.option(fc.nat(30), { nil: undefined });
		const steps = fc.array(
			fc
				.tuple(step, fc.nat(30), time)
				.map(([one, at, duration]): Step => ({ ...one, time: at, ...(duration !== undefined && { duration }) })),
		);
		fc.assert(
			fc.property(steps, (all) => {
				expect(problemsOf(drawn(all))).toEqual([]);
			}),
		);
	});
});
