/** A function's configuration space and its `resource` file become fields of a machine, and those a simulated device with the same features. */
import { describe, expect, test } from "vitest";
import { featuresOf } from "../../../src/cli/host/pci-features.js";
import { checkMachine, createSim, machineFile, vendors } from "../../../src/sim/index.js";
import { vfio_irq_info, vfio_region_info } from "../../../structs/index.js";
import { Program } from "../../sim/vfio/program.js";

const CONFIG = 7n << 40n;
const GET_REGION_INFO = 0x3b6c;
const GET_IRQ_INFO = 0x3b6d;

/** A NIC: MSI with 8 vectors at 0x48, power management at 0x60, MSI-X with 17 at 0x90 in BAR 2, Express with FLR at 0xa0. */
function nic(): Buffer {
	const bytes = Buffer.alloc(4096);
	bytes.writeUInt32LE(0x15638086, 0);
	bytes.writeUInt32LE(0x02000007, 8);
	bytes[0x34] = 0x48;
	bytes[0x3d] = 1;
	bytes.writeUInt32LE(0x00866005, 0x48);
	bytes.writeUInt32LE(0x00039001, 0x60);
	bytes.writeUInt32LE(0x0010a011, 0x90);
	bytes.writeUInt32LE(0x00001002, 0x94);
	bytes.writeUInt32LE(0x00003002, 0x98);
	bytes.writeUInt32LE(0x00020010, 0xa0);
	bytes.writeUInt32LE(0x10008000, 0xa4);
	return bytes;
}

const line = (first: bigint, last: bigint, flags: bigint): string =>
	[first, last, flags].map((each) => `0x${each.toString(16).padStart(16, "0")}`).join(" ");
const NONE = line(0n, 0n, 0n);
const RESOURCE = [
	line(0x6000000000n, 0x61ffffffffn, 0x14220cn),
	NONE,
	line(0xfd000000n, 0xfd003fffn, 0x40200n),
	NONE,
	line(0xe000n, 0xe01fn, 0x40101n),
	NONE,
	line(0xfc000000n, 0xfc07ffffn, 0x46200n),
	NONE,
].join("\n");

const FEATURES = {
	class: "0x020000",
	revision: 7,
	bars: [
		{ index: 0, size: "0x200000000", address: "0x6000000000", wide: true, prefetchable: true },
		{ index: 2, size: "0x4000", address: "0xfd000000", msix: true },
		{ index: 4, size: "0x20", address: "0xe000", io: true },
	],
	rom: 0x80000,
	intx: 1,
	express: true,
	msi: 8,
	msix: 17,
	msix_table: "0x1000",
	msix_pending: "0x3000",
	flr: true,
	pm: true,
	places: { pm: 0x60, msi: 0x48, msix: 0x90, express: 0xa0 },
};

const machine = (pci: object) =>
	checkMachine({
		name: "host",
		iommus: [{ name: "mmu", kind: "vtd", cap: 0x91d2008c222f0606n, ecap: 0x1ed9ea4f00fcen }],
		bridges: [{ bdf: "00:01.0", type: "root-port", secondary: 1 }],
		devices: [{ bdf: "01:00.0", vendor: 0x8086, device: 0x1563, model: "plain", iommu: "mmu", vfio: 0, pci }],
	});

describe("a function of the host", () => {
	test("is described by its configuration space and its resources", () => {
		expect(featuresOf(nic(), RESOURCE)).toEqual(FEATURES);
		const { class: code, revision, bars, rom, intx } = FEATURES;
		const withoutTable = bars.map(({ msix: _, ...bar }) => bar);
		expect(featuresOf(nic().subarray(0, 64), RESOURCE)).toEqual({ class: code, revision, bars: withoutTable, rom, intx });
		expect(featuresOf(new Uint8Array(0), "")).toBeUndefined();
	});

	test("is the same in the machine file that a recording has", () => {
		const [device] = machineFile(machine(FEATURES), vendors).devices as { pci: unknown }[];
		expect(device.pci).toEqual(FEATURES);
	});

	test("has these regions, interrupts and capabilities when it is simulated", () => {
		const program = new Program("vtd", {}, createSim({ machine: machine(FEATURES) }));
		const { kernel } = program;
		const fd = program.device(0);
		expect(program.bind(fd)).toBeGreaterThan(0);
		const region = (index: number): bigint => {
			const arg = vfio_region_info.encode({ argsz: 32, index });
			expect(kernel.ioctl(fd, GET_REGION_INFO, arg)).toBe(0);
			return vfio_region_info.decode(arg).size;
		};
		expect([0, 1, 2, 4, 6, 7].map(region)).toEqual([0x200000000n, 0n, 0x4000n, 0x20n, 0x80000n, 4096n]);
		const vectors = (index: number): number => {
			const arg = vfio_irq_info.encode({ argsz: 16, index });
			expect(kernel.ioctl(fd, GET_IRQ_INFO, arg)).toBe(0);
			return vfio_irq_info.decode(arg).count;
		};
		expect([0, 1, 2].map(vectors)).toEqual([1, 8, 17]);
		const config = Buffer.alloc(256);
		expect(kernel.pread(fd, config, CONFIG)).toBe(256);
		const list: [number, number][] = [];
		for (let at = config[0x34]; at !== 0; at = config[at + 1]) list.push([config[at], at]);
		expect(list.map(([id]) => id).sort((a, b) => a - b)).toEqual([1, 5, 0x10, 0x11]);
		expect(Object.fromEntries(list)).toEqual({ 1: 0x60, 5: 0x48, 16: 0xa0, 17: 0x90 });
		expect([config.readUInt32LE(0x10), config.readUInt32LE(0x14), config.readUInt32LE(0x18)]).toEqual([0x0000000c, 0x60, 0xfd000000]);
		expect([config.readUInt32LE(8), config.readUInt32LE(0x94), config.readUInt32LE(0x98)]).toEqual([0x02000007, 0x1002, 0x3002]);
	});

	test.each([
		[{ msi: 3 }, "msi"],
		[{ bars: [{ index: 6, size: 16 }] }, "index"],
		[{ bars: [{ index: 0, size: 24 }] }, "size"],
		[{ colour: 1 }, "colour"],
	])("with %j is refused", (pci, field) => {
		expect(() => machine(pci)).toThrow(field);
	});
});
