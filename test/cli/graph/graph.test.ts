/** iommuctl graph and ioas show. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { drawDot, drawMermaid, drawTree } from "../../../src/cli/commands/tools/graph/draw.js";
import { drawSpace, holesOf, merged } from "../../../src/cli/commands/uapi/ioas-show/space.js";
import { knownOf } from "../../../src/cli/graph/from-sim.js";
import type { GraphObject, Range } from "../../../src/cli/graph/model.js";
import { Tracker, tracking } from "../../../src/cli/graph/track.js";
import { createSim } from "../../../src/sim/index.js";
import { ioctlByName, iommu_test_op, type StructType } from "../../../structs/index.js";
import { documents, script } from "../cli.js";

const plain = {
	level: 0 as const,
	good: (text: string) => text,
	bad: (text: string) => text,
	name: (text: string) => text,
	faint: (text: string) => text,
	strong: (text: string) => text,
	note: (text: string) => text,
};

const guest = [
	"ioas = ioas alloc",
	"mock = selftest mock-domain $ioas",
	"parent = hwpt alloc $mock.idev_id $ioas --flags NEST_PARENT",
	"vi = viommu alloc $mock.idev_id $parent --type SELFTEST",
	"vd = vdevice alloc $vi $mock.idev_id 0x20",
	"f = fault alloc",
	"n = hwpt alloc $mock.idev_id $vi --selftest iotlb=1 --flags FAULT_ID_VALID --fault-id $f",
];

describe("graph", () => {
	test("what hangs from what", () => {
		const { status, stdout } = script([...guest, "graph"]);
		expect(status).toBe(0);
		expect(stdout.slice(stdout.indexOf("> graph\n"))).toBe(
			[
				"> graph",
				"  context",
				"  ├─ ioas 1  areas 0, mapped 0 bytes",
				"  │  ├─ hwpt-paging 4  automatic",
				"  │  │  └─ device 3  name iommufd_mock0, group 0",
				"  │  └─ hwpt-paging 5  nesting parent",
				"  │     └─ viommu 6  type 0xdeadbeef",
				"  │        ├─ vdevice 7  virtual ID 0x20; of device 3",
				"  │        └─ hwpt-nested 9  faults to fault 8",
				"  ├─ selftest 2  owns device 3",
				"  └─ fault 8  unanswered 0",
				"8 commands: 8 ok",
				"",
			].join("\n"),
		);
	});

	test("JSON, Mermaid and DOT tell the same objects", () => {
		const ran = script([...guest, "graph"], "--json");
		const [graph] = documents(ran).filter(({ schema }) => schema === "iommuctl.graph");
		expect(graph).toMatchObject({ version: 1, source: "kernel" });
		const { contexts } = graph as unknown as { contexts: { objects: (GraphObject & { parent: number | null })[] }[] };
		expect(contexts[0].objects.map(({ id, type, parent }) => `${type} ${id} ${parent}`)).toEqual([
			"ioas 1 null",
			"selftest 2 null",
			"device 3 4",
			"hwpt-paging 4 1",
			"hwpt-paging 5 1",
			"viommu 6 5",
			"vdevice 7 6",
			"fault 8 null",
			"hwpt-nested 9 6",
		]);
		const { stdout } = script([...guest, "graph --format mermaid", "graph --format dot"]);
		for (const { id, type } of contexts[0].objects) {
			expect(stdout).toContain(`c0o${id}["${type} ${id}`);
			expect(stdout).toContain(`c0o${id} [label="${type} ${id}`);
		}
		expect(stdout).toContain("c0o6 --> c0o7");
		expect(stdout).toContain('c0o9 -> c0o8 [style=dashed, label="faults to"];');
	});

	test("nothing open is said", () => {
		expect(script(["graph"]).stderr).toContain("no /dev/iommu is open");
	});

	test("labels cannot break out", () => {
		const context = { objects: [{ id: 1, type: 'io"as\\', refs: [], details: { name: 'a"]' } }] };
		expect(drawMermaid([context])).toContain("c0o1[\"io'as\\\\ 1<br>name a']\"]");
		expect(drawDot([context])).toContain("[label=\"io'as\\\\ 1\\nname a']\"]");
		expect(drawTree({ objects: [{ id: 2, type: "x", parent: 77, refs: [], details: {} }] }, "context", plain)).toEqual([
			"context",
			"└─ x 2",
		]);
	});
});

/** Calls by name with their fields, as a kernel that cannot be looked into sees them. */
function program() {
	const sim = createSim();
	const tracker = new Tracker(sim.newProcess());
	const process = sim.newProcess();
	const kernel = tracking(process, tracker);
	const fd = kernel.open("/dev/iommu");
	const call = (name: string, fields: object): Record<string, number> => {
		const ioctl = ioctlByName(name);
		const struct = ioctl?.struct as StructType;
		const bytes = struct.encode({ size: struct.size, ...fields } as never);
		kernel.ioctl(fd, ioctl?.request ?? 0, bytes);
		return struct.decode(bytes) as Record<string, number>;
	};
	const mock = (id: number) =>
		(call("IOMMU_TEST_CMD", { op: iommu_test_op.IOMMU_TEST_OP_MOCK_DOMAIN, id }) as never as { mock_domain: Record<string, number> })
			.mock_domain;
	return { sim, tracker, kernel, fd, call, mock };
}

const outline = (objects: readonly GraphObject[]): string[] => objects.map(({ id, type, parent }) => `${id} ${type} ${parent}`).sort();

describe("objects that are followed from outside", () => {
	test("are the ones that there are", () => {
		const { sim, tracker, call, mock, kernel, fd } = program();
		const same = () => expect(outline(tracker.contexts()[0].objects)).toEqual(outline(knownOf(sim).contexts()[0].objects));
		const ioas = call("IOMMU_IOAS_ALLOC", {}).out_ioas_id;
		const other = call("IOMMU_IOAS_ALLOC", {}).out_ioas_id;
		const { out_stdev_id, out_idev_id, out_hwpt_id } = mock(ioas);
		same();
		const parent = call("IOMMU_HWPT_ALLOC", { flags: 1, dev_id: out_idev_id, pt_id: ioas }).out_hwpt_id;
		const viommu = call("IOMMU_VIOMMU_ALLOC", { type: 0xdeadbeef, dev_id: out_idev_id, hwpt_id: parent }).out_viommu_id;
		call("IOMMU_VDEVICE_ALLOC", { viommu_id: viommu, dev_id: out_idev_id, virt_id: 5n });
		call("IOMMU_FAULT_QUEUE_ALLOC", {});
		call("IOMMU_VEVENTQ_ALLOC", { viommu_id: viommu, type: 0xbeefbeef, veventq_depth: 3 });
		same();
		// what fails changes nothing
		call("IOMMU_DESTROY", { id: parent });
		call("IOMMU_DESTROY", { id: out_hwpt_id });
		same();
		const plainTable = call("IOMMU_HWPT_ALLOC", { dev_id: out_idev_id, pt_id: other }).out_hwpt_id;
		const op = iommu_test_op.IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE;
		call("IOMMU_TEST_CMD", { op, id: out_stdev_id, mock_domain_replace: { pt_id: plainTable } });
		same();
		call("IOMMU_DESTROY", { id: other });
		same();
		kernel.close(fd);
		expect(tracker.contexts()).toEqual([]);
	});

	test("so are areas", () => {
		const { sim, tracker, call, kernel } = program();
		const ioas_id = call("IOMMU_IOAS_ALLOC", {}).out_ioas_id;
		const user_va = kernel.mmap({ addr: 0n, length: 0x4000n, prot: 3 });
		for (const iova of [0x9000n, 0x1000n, 0x5000n]) call("IOMMU_IOAS_MAP", { flags: 7, ioas_id, user_va, length: 0x2000n, iova });
		call("IOMMU_IOAS_COPY", {
			flags: 5,
			dst_ioas_id: ioas_id,
			src_ioas_id: ioas_id,
			length: 0x1000n,
			dst_iova: 0x20000n,
			src_iova: 0x1000n,
		});
		call("IOMMU_IOAS_UNMAP", { ioas_id, iova: 0x5000n, length: 0x2000n });
		const short = (areas: readonly (Range & { readable: boolean; writable: boolean })[] = []) =>
			areas.map(({ start, last, readable, writable }) => `${start} ${last} ${readable} ${writable}`);
		expect(tracker.ioas(ioas_id)?.areas).toHaveLength(3);
		expect(short(tracker.ioas(ioas_id)?.areas)).toEqual(short(knownOf(sim).ioas(ioas_id)?.areas));
	});
});

describe("ioas show", () => {
	test("areas, holes, reserved and allowed ranges", () => {
		const lines = [
			"ioas = ioas alloc",
			"selftest mock-domain $ioas",
			"ioas map $ioas --iova 0x1000000 --length 2M",
			"ioas map $ioas --iova 0x1400000 --length 64k --flags READABLE,FIXED_IOVA",
			"ioas allow $ioas --range 0x1000000-0x1ffffff",
		];
		const { status, stdout } = script([...lines, "ioas show $ioas"]);
		expect(status).toBe(0);
		expect(stdout).toContain("ioas 1  2 areas");
		expect(stdout).toMatch(/ {2}x+▒?█+/);
		expect(stdout).toMatch(/0x1000000 +0x11fffff {2}2 MiB +mapped rw from user 0x7f/);
		expect(stdout).toMatch(/0x1400000 +0x140ffff {2}64 KiB +mapped r- from user/);
		expect(stdout).toMatch(/0x1200000 +0x13fffff {2}2 MiB +free/);
		expect(stdout).toMatch(/0x0 +0xffffff {2}16 MiB +reserved by hwpt-paging 4/);
		expect(stdout).toMatch(/0x1000000 +0x1ffffff {2}16 MiB +allowed/);
		const shown = documents(script([...lines, "ioas show $ioas"], "--json")).find(({ schema }) => schema === "iommuctl.ioas");
		expect(shown).toMatchObject({
			version: 1,
			ok: true,
			source: "kernel",
			areas: [{ start: "0x1000000" }, { start: "0x1400000", writable: false }],
		});
	});

	test("an IOAS that is none is the kernel's ENOENT", () => {
		const { status, stderr } = script(["ioas show 7"]);
		expect(status).toBe(1);
		expect(stderr).toContain("IOMMU_IOAS_IOVA_RANGES: ENOENT (2)");
	});
});

const range = fc
	.tuple(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), fc.bigInt({ min: 0n, max: 1n << 40n }))
	.map(([start, more]) => ({ start, last: start + more < 1n << 64n ? start + more : (1n << 64n) - 1n }));

describe("a space", () => {
	test("holes and what is taken are everything, without overlaps", () => {
		fc.assert(
			fc.property(fc.array(range, { maxLength: 20 }), (ranges) => {
				const taken = merged(ranges);
				const holes = holesOf({ areas: [], reserved: ranges });
				const all = [...taken, ...holes].sort((a, b) => (a.start < b.start ? -1 : 1));
				let at = 0n;
				for (const { start, last } of all) {
					expect(start).toBe(at);
					at = last + 1n;
				}
				expect(at).toBe(1n << 64n);
			}),
		);
	});

	test("no bar is wider than the terminal, and every area is seen in one", () => {
		fc.assert(
			fc.property(fc.array(range, { maxLength: 6 }), fc.integer({ min: 20, max: 200 }), (ranges, columns) => {
				const areas = merged(ranges).map((one) => ({ ...one, readable: true, writable: true }));
				const lines = drawSpace({ id: 1, areas, reserved: [], allowed: [], alignment: 1n }, plain, columns, true);
				const bars = lines.filter((line) => /^ {2}[█▒x·]+$/.test(line));
				for (const bar of bars) expect(bar.length).toBeLessThanOrEqual(Math.max(columns, 20));
				if (areas.length > 0) expect(bars.every((bar) => /[█▒]/.test(bar))).toBe(true);
				expect(bars.length > 0).toBe(areas.length > 0);
			}),
		);
	});
});
