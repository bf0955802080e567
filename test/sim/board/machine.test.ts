/** Tests of machine files, IOMMU groups, trace headers and pictures. */
import { readdirSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { formatBdf, parseBdf } from "../../../src/sim/board/bdf.js";
import { MachineError } from "../../../src/sim/board/fields.js";
import { buildTopology, whoSends } from "../../../src/sim/board/topology.js";
import {
	BUILTIN_MACHINES,
	checkMachine,
	drawDot,
	drawMermaid,
	drawTree,
	loadMachine,
	machineFile,
	machineFromTraceHeader,
	machineJson,
	parseMachine,
} from "../../../src/sim/vendors/machines.js";

import { toy } from "../vendors/toy/index.js";

const bdf = (text: string) => parseBdf(text) as number;

const SMALL = `name: small
iommus:
  - { name: dmar0, kind: vtd, cap: 0x80d2008c222f0606, ecap: 0x499880f00fce }
devices:
  - bdf: 0000:00:10.0
    iommu: dmar0
  - bdf: 00:11.0
    iommu: dmar0
    pasid_width: 20
`;

async function mistake(text: string): Promise<string> {
	const error = await parseMachine(text, "m.yaml").then(
		() => undefined,
		(e: unknown) => e,
	);
	expect(error).toBeInstanceOf(MachineError);
	return (error as MachineError).message;
}

describe("machine files", () => {
	test("64-bit registers keep all their bits, and defaults follow from them", async () => {
		const machine = await parseMachine(SMALL, "m.yaml");
		expect(machine.iommus[0]).toMatchObject({
			kind: "vtd",
			cap: 0x80d2008c222f0606n,
			ecap: 0x499880f00fcen,
			scalable: true,
			interruptRemapping: true,
		});
		expect(machine.devices.map((d) => d.vfio)).toEqual([0, 1]);
		expect(machine.devices[1]).toMatchObject({ bdf: 0x88, pasidWidth: 20, model: "edu", driver: "vfio-pci" });
	});

	test.each([
		[
			"an unknown field",
			SMALL.replace("pasid_width", "pasid_with"),
			/^m\.yaml:9: devices\[1\]\.pasid_with: no such field; there are .*bdf, /,
		],
		[
			"an IOMMU that does not exist",
			SMALL.replace("iommu: dmar0\n  - bdf", "iommu: dmar9\n  - bdf"),
			'm.yaml:6: devices[0].iommu: no IOMMU is called "dmar9"; there are dmar0',
		],
		["not a PCI address", SMALL.replace("00:11.0", "00:11"), 'm.yaml:7: devices[1].bdf: "00:11" is not a PCI address such as 0000:00:10.0'],
		["an address twice", SMALL.replace("00:11.0", "00:10.0"), "m.yaml:7: devices[1].bdf: 0000:00:10.0 is already in use"],
		["a missing field", SMALL.replace("cap: 0x80d2008c222f0606, ", ""), 'm.yaml:3: iommus[0]: the field "cap" is missing'],
		[
			"a number that is too large",
			SMALL.replace("width: 20", "width: 21"),
			"m.yaml:9: devices[1].pasid_width: 21 is out of range (0 to 20)",
		],
		[
			"not a number",
			SMALL.replace("width: 20", "width: many"),
			/^m\.yaml:9: devices\[1\]\.pasid_width: expected an integer such as 0x1000, not "many"/,
		],
		[
			"an unknown kind",
			SMALL.replace("kind: vtd", "kind: vtx"),
			'm.yaml:3: iommus[0].kind: "vtx" is not one of vtd, smmuv3, amd, riscv, selftest',
		],
		["page requests without ATS", SMALL.replace("pasid_width: 20", "pri: 4"), /^m\.yaml:9: devices\[1\]\.pri: page requests need ATS/],
		["broken YAML", `${SMALL}   oops`, /^m\.yaml:\d+: /],
		["not a mapping", "- 1", "m.yaml:1: expected a mapping of fields, not a list"],
		["not a list", SMALL.replace(/devices:[\s\S]*/, "devices: 3"), 'm.yaml:4: devices: expected a list, not "3"'],
	])("%s: file, line and field", async (_what, text, message) => {
		expect(await mistake(text)).toMatch(message instanceof RegExp ? message : new RegExp(`^${message.replace(/[[\]().]/g, "\\$&")}`));
	});

	test("a name that is neither a machine nor a file lists the machines", async () => {
		await expect(loadMachine("no-such-machine")).rejects.toThrow(/no-such-machine: no such file, and no built-in machine.*mixed, vtd/);
		await expect(loadMachine("constructor")).rejects.toThrow(MachineError);
	});

	test.each(Object.keys(BUILTIN_MACHINES))("%s comes back from its file and from its JSON", async (name) => {
		const machine = await loadMachine(name);
		expect(checkMachine(machineFile(machine))).toEqual(machine);
		const text = JSON.stringify(machineJson(machine, buildTopology(machine)));
		expect(await parseMachine(text, "m.json")).toEqual(machine);
	});
});

describe("groups and requester IDs", () => {
	const machine = (devices: object[], bridges: object[] = [], more: object = {}) =>
		checkMachine({
			name: "m",
			iommus: [{ name: "i", kind: "amd", efr: 0 }],
			devices: devices.map((d) => ({ iommu: "i", ...d })),
			bridges,
			...more,
		});
	const groupsOf = (m: ReturnType<typeof machine>) =>
		buildTopology(m).groups.map((g) => [...g.devices, ...g.bridges].map((d) => formatBdf(d.bdf).slice(5)).join(" "));

	test("functions of a slot share a group unless they are isolated", () => {
		expect(groupsOf(machine([{ bdf: "00:1.0" }, { bdf: "00:1.1" }, { bdf: "00:2.0" }]))).toEqual(["00:01.0 00:01.1", "00:02.0"]);
		expect(
			groupsOf(
				machine([
					{ bdf: "00:1.0", acs: true },
					{ bdf: "00:1.1", acs: true },
				]),
			),
		).toEqual(["00:01.0", "00:01.1"]);
	});

	test("function 0's requester ID joins even isolated functions, and is not their own", () => {
		const m = machine([
			{ bdf: "00:1.0", acs: true },
			{ bdf: "00:1.1", acs: true, function0_rid: true },
		]);
		expect(groupsOf(m)).toEqual(["00:01.0 00:01.1"]);
		expect(buildTopology(m).requester(bdf("00:01.1"))).toEqual({ rids: [9, 8], wire: 8, own: false });
	});

	test("behind a PCIe-to-PCI bridge the requester is the secondary bus's 0.0; the bridge is in the group", () => {
		const m = machine(
			[{ bdf: "02:1.0" }, { bdf: "02:2.0" }],
			[
				{ bdf: "00:1.0", type: "root-port", secondary: 1 },
				{ bdf: "01:0.0", type: "pcie-to-pci", secondary: 2 },
			],
		);
		expect(groupsOf(m)).toEqual(["00:01.0", "02:01.0 02:02.0 01:00.0"]);
		expect(buildTopology(m).requester(bdf("02:01.0"))).toEqual({ rids: [0x208, 0x200], wire: 0x200, own: false });
	});

	test("behind a conventional bridge it is the bridge's own", () => {
		const m = machine([{ bdf: "01:1.0" }], [{ bdf: "00:1e.0", type: "pci", secondary: 1 }]);
		expect(buildTopology(m).requester(bdf("01:01.0")).wire).toBe(0xf0);
	});

	test("ports without access control join what is below them", () => {
		const ports = (acs: boolean) => [
			{ bdf: "00:1.0", type: "root-port", secondary: 1, acs },
			{ bdf: "00:2.0", type: "root-port", secondary: 2, acs },
		];
		expect(groupsOf(machine([{ bdf: "01:0.0" }, { bdf: "02:0.0" }], ports(false)))).toEqual(["01:00.0 00:01.0", "02:00.0 00:02.0"]);
		expect(groupsOf(machine([{ bdf: "01:0.0" }, { bdf: "02:0.0" }], ports(true)))).toHaveLength(4);
	});

	test("SIOV devices: told apart by PASID, unless the parent's ID is not its own", () => {
		const siov = (parent: string) => ({
			siov: [
				{ name: "a", parent, pasid: 1 },
				{ name: "b", parent, pasid: 1 },
				{ name: "c", parent, pasid: 2 },
			],
		});
		const m = machine([{ bdf: "00:1.0", pasid_width: 4 }], [], siov("00:1.0"));
		const t = buildTopology(m);
		expect(t.groupOfSiov(m.siov[0])).toBe(t.groupOfSiov(m.siov[1]));
		expect(t.groupOfSiov(m.siov[0])).not.toBe(t.groupOfSiov(m.siov[2]));
		expect(t.groupOfSiov(m.siov[0])).not.toBe(t.groupOf(bdf("00:01.0")));
		const lying = machine([{ bdf: "01:1.0", pasid_width: 4 }], [{ bdf: "00:1.0", type: "pcie-to-pci", secondary: 1 }], siov("01:1.0"));
		const lies = buildTopology(lying);
		expect(lies.groupOfSiov(lying.siov[2])).toBe(lies.groupOf(bdf("01:01.0")));
	});

	test("attributes a requester ID and PASID to their senders", async () => {
		const m = await loadMachine("vtd");
		const t = buildTopology(m);
		expect(whoSends(m, t, 0, 0x80).devices.map((d) => formatBdf(d.bdf))).toEqual(["0000:00:10.0"]);
		expect(whoSends(m, t, 0, 0x90, 0x40).siov.map((s) => s.name)).toEqual(["siov0"]);
		expect(whoSends(m, t, 0, 0x300).why).toMatch(/03:01\.0, 0000:03:02\.0 all send the requester ID 03:00\.0/);
		expect(whoSends(m, t, 0, 0x308)).toEqual({ devices: [], siov: [] });
	});

	test("contradictions are mistakes in the file", () => {
		expect(() =>
			machine([
				{ bdf: "00:1.0", group: 1 },
				{ bdf: "00:1.1", group: 2 },
			]),
		).toThrow(/devices\[1\]\.group: .*cannot be told apart/);
		expect(() =>
			machine([
				{ bdf: "00:1.0", group: 1 },
				{ bdf: "00:2.0", group: 1 },
			]),
		).toThrow(/group 1 belongs to another device/);
		expect(() => machine([], [{ bdf: "01:0.0", type: "root-port", secondary: 1 }])).toThrow(/below itself/);
	});
});

describe("machines from the headers of traces", () => {
	const dir = new URL("../../fixtures/golden/hw/", import.meta.url);
	const headers = new Map<string, string>();
	for (const file of readdirSync(dir).filter((f) => f.endsWith(".gz"))) {
		const line = gunzipSync(readFileSync(new URL(file, dir)))
			.toString()
			.split("\n", 1)[0];
		const same = line.replace(/"suite": ?"[^"]*"/, "");
		if (![...headers.values()].some((l) => l.replace(/"suite": ?"[^"]*"/, "") === same)) headers.set(file, line);
	}

	test("there are some", () => expect(headers.size).toBeGreaterThan(15));

	test.each([...headers])("%s: the groups are the stated ones", (_file, line) => {
		const header = JSON.parse(line);
		const machine = machineFromTraceHeader(header);
		if (!machine) throw new Error("no machine");
		const topology = buildTopology(machine);
		for (const d of header.devices) {
			const number = Number(/\d+$/.exec(d.path)?.[0]);
			if (d.emulated) {
				expect(machine.mdevs.map((m) => m.vfio)).toContain(number);
				continue;
			}
			const group = topology.groupOf(bdf(d.bdf ?? d.pci));
			expect(group.number).toBe(d.group);
			expect(machine.devices.find((x) => x.bdf === bdf(d.bdf ?? d.pci))?.vfio).toBe(number);
			const members = [...group.devices, ...group.bridges].map((x) => formatBdf(x.bdf)).sort();
			if (d.members) expect(members).toEqual(Object.keys(d.members).sort());
			if (d.sid !== undefined) expect(topology.requester(bdf(d.pci)).rids[0]).toBe(d.sid);
		}
	});

	test("the device behind the PCIe-to-PCI bridge has two stream IDs", () => {
		const machine = machineFromTraceHeader(JSON.parse(headers.get("smmuv3-attach.jsonl.gz") as string));
		if (!machine) throw new Error("no machine");
		expect(buildTopology(machine).requester(bdf("01:01.0")).rids).toEqual([0x108, 0x100]);
		expect(machine.iommus[0]).toMatchObject({ idr: [0x0d44101b, 0x02730010, 0, 0x1414, 0, 0x74], aidr: 1, canwbs: true });
	});

	test("a trace of the selftest names no hardware", () => {
		expect(machineFromTraceHeader({ trace: "iommufd", version: 1, suite: "iova" })).toBeUndefined();
	});
});

describe("pictures", () => {
	test("the tree shows buses, groups, aliases and virtual devices", async () => {
		const machine = await loadMachine("vtd");
		const text = drawTree(machine, buildTopology(machine));
		expect(text).toMatch(/├─ 0000:00:11\.0 edu \(fnA\) vfio1 {2}\[group 1\] {2}via dmar0/);
		expect(text).toMatch(/00:13\.1 .* requester ID on the wire 00:13\.0 {2}\[group 3\]/);
		expect(text).toMatch(/└─ vfio\d+ siov1: PASID 0x41 of its parent/);
		expect(text).toMatch(/mtty0: mediated, backed by software/);
		for (const d of machine.devices) expect(text).toContain(formatBdf(d.bdf));
	});

	test.each(["mixed", "amd", "selftest"])("%s: every Mermaid and DOT edge joins nodes that exist", async (name) => {
		const machine = await loadMachine(name);
		const topology = buildTopology(machine);
		const mermaid = drawMermaid(machine, topology);
		const nodes = new Set([...mermaid.matchAll(/^ +(\w+)[[({]/gm)].map((m) => m[1]));
		for (const [, a, b] of mermaid.matchAll(/^ +(\w+) (?:---|-\.->) (\w+)$/gm)) {
			expect(nodes).toContain(a);
			expect(nodes).toContain(b);
		}
		const dot = drawDot(machine, topology);
		expect(dot.split("{").length).toBe(dot.split("}").length);
		const names = new Set([...dot.matchAll(/^ +(\w+) \[shape/gm)].map((m) => m[1]));
		for (const [, a, b] of dot.matchAll(/^ +(\w+) -> (\w+)/gm)) expect(names.has(a) && names.has(b)).toBe(true);
	});
});

test("addresses", () => {
	expect(formatBdf(bdf("ffff:ff:1f.7"))).toBe("ffff:ff:1f.7");
	expect(parseBdf("00:20.0")).toBeUndefined();
	expect(parseBdf("00:1f.8")).toBeUndefined();
	expect(parseBdf("1:2:3")).toBeUndefined();
});

describe("quirks", () => {
	const machine = (quirks: unknown) => ({ name: "m", iommus: [{ name: "toy0", kind: "toy", width: 8, quirks }] });
	const check = (quirks: unknown) => checkMachine(machine(quirks), [toy]);

	test("are read, drawn, and written back", () => {
		const made = check(["toy-slow"]);
		expect(made.iommus[0].quirks).toEqual(["toy-slow"]);
		expect(drawTree(made, buildTopology(made), [toy])).toContain("\n  quirk toy-slow: it takes its time\n");
		expect(machineFile(made, [toy])).toMatchObject({ iommus: [{ quirks: ["toy-slow"] }] });
		expect(check(undefined).iommus[0].quirks).toEqual([]);
	});

	test("that the vendor does not know, or that come twice, are mistakes in the file", () => {
		expect(() => check(["fast"])).toThrow('"fast" is not one of toy-slow');
		expect(() => check(["toy-slow", "toy-slow"])).toThrow("toy-slow is listed twice");
		expect(() => check([1])).toThrow("is not one of toy-slow");
	});
});
