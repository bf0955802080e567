// The machine of a kernel for which none was named: it is put together late, and is the built-in one.
import { expect, test } from "vitest";
import { BUILTIN_MACHINES, checkMachine, createSim, mixedMachine, vendors } from "../../src/sim/index.js";

test("the late machine is the built-in mixed one, and says rightly whether it has mock devices", () => {
	const machine = checkMachine(BUILTIN_MACHINES.mixed);
	expect(mixedMachine.make()).toEqual(machine);
	const made = new Set(vendors.flatMap(({ kind, driver }) => (driver === undefined ? [] : [kind])));
	expect(mixedMachine.mocks).toBe(machine.iommus.some(({ kind }) => !made.has(kind)));
});

test("it is put together once, when its hardware is needed", () => {
	let made = 0;
	const make = () => {
		made++;
		return mixedMachine.make();
	};
	const process = createSim({ machine: { mocks: true, make } }).newProcess();
	expect(process.open("/dev/iommu")).toBeGreaterThanOrEqual(0);
	expect(made).toBe(0);
	expect(process.open("/dev/vfio/devices/vfio0")).toBeGreaterThanOrEqual(0);
	expect(process.open("/dev/vfio/devices/vfio1")).toBeGreaterThanOrEqual(0);
	expect(made).toBe(1);
});
