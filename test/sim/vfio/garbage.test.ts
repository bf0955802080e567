/** Feeds random calls to VFIO's files. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { proposalChecks } from "../../../src/sim/extensions/contract.js";
import { fileContract } from "../../../src/sim/system/contract.js";
import { vendors } from "../../../src/sim/vendors/registry.js";
import { noIommuChecks, vfioContract } from "../../../src/sim/vfio/contract.js";
import type { Group } from "../../../src/sim/why/check.js";
import { inOrder } from "../../../src/sim/why/contract.js";
import { callId } from "../../../src/sim/why/reasons.js";
import { Program } from "./program.js";

const REQUESTS = [...Array.from({ length: 0x20 }, (_, i) => 0x3b64 + i), ...Array.from({ length: 0x18 }, (_, i) => 0x3b80 + i)];

/** Small numbers are valid IDs and sizes more often than random ones. */
const word = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.constantFrom(0x1000, 0xffffffff, 0x7fffffff), fc.nat(0xffffffff));
const argument = fc.oneof(
	fc.array(word, { maxLength: 16 }).map((words) => new Uint8Array(Uint32Array.from(words).buffer)),
	fc.constantFrom(0n, 1n, 0x200000000n, 0xffffffffffffffffn),
);
const step = fc.oneof(
	{
		weight: 8,
		arbitrary: fc.record({ op: fc.constant("ioctl" as const), file: fc.nat(7), request: fc.constantFrom(...REQUESTS), argument }),
	},
	{
		weight: 1,
		arbitrary: fc.record({
			op: fc.constant("open" as const),
			name: fc.constantFrom("devices/vfio0", "devices/vfio1", "devices/vfio9", "1", "0"),
		}),
	},
	{ weight: 1, arbitrary: fc.record({ op: fc.constant("close" as const), file: fc.nat(7) }) },
	{
		weight: 2,
		arbitrary: fc.record({
			op: fc.constant("io" as const),
			file: fc.nat(7),
			write: fc.boolean(),
			region: fc.nat(10),
			at: word,
			length: fc.nat(40),
		}),
	},
	{ weight: 1, arbitrary: fc.record({ op: fc.constant("dma" as const), file: fc.nat(7), iova: word, length: fc.nat(64) }) },
);

const hooks = [noIommuChecks, proposalChecks, ...vendors.map(({ kind, checks = {} }) => ({ vendor: kind, hooks: checks }))];
/** the checks of each call's contract, by its name in IDs */
const contracts = new Map(
	Object.entries<Group>({ ...vfioContract, ...fileContract }).map(([call, group]) => [
		callId(call),
		new Set([...inOrder(group, hooks)].map(({ check }) => check)),
	]),
);
/** checks that failed in a call whose contract does not have them */
const missing = new Set<string>();

test("whatever calls a program makes on device and group files, each is answered and nothing is left at exit", () => {
	const property = fc.property(fc.constantFrom("vtd", "legacy", "amd"), fc.array(step, { maxLength: 60 }), (kind, steps) => {
		const p = new Program(kind as "vtd");
		const { kernel } = p;
		p.sim.reasons.onFailed = (call, failed) => {
			const known = contracts.get(call);
			if (known !== undefined && !known.has(failed)) missing.add(`${call}.${failed.name}`);
		};
		const files = [p.iommu, p.bound(0).fd, p.bound(1).fd, p.bound(9).fd, kernel.open("/dev/vfio/3"), p.device(2), p.device(7), p.device(8)];
		const ioas = p.ioas();
		p.attach(files[1], ioas);
		for (const s of steps) {
			let rc = 0;
			if (s.op === "open") rc = kernel.open(`/dev/vfio/${s.name}`);
			else if (s.op === "close") rc = kernel.close(files[s.file]);
			else if (s.op === "ioctl") {
				const arg = s.argument instanceof Uint8Array ? s.argument.slice() : s.argument;
				rc = kernel.ioctl(files[s.file], s.request, arg);
			} else if (s.op === "dma") kernel.dma(files[s.file], "write", BigInt(s.iova), s.length, 0);
			else {
				const bytes = new Uint8Array(s.length);
				const offset = (BigInt(s.region) << 40n) | BigInt(s.at);
				rc = s.write ? kernel.pwrite(files[s.file], bytes, offset) : kernel.pread(files[s.file], bytes, offset);
			}
			expect(Number.isInteger(rc) && rc > -4096).toBe(true);
			// whoever is refused learns why
			if (rc < 0) expect(kernel.why(rc)).toBeDefined();
		}
		kernel.exit();
		expect(p.sim.contexts.size).toBe(0);
		for (const device of p.sim.vfio?.devices.values() ?? [])
			expect([device.opens, device.group.opened, device.group.boundAlone]).toEqual([0, false, 0]);
	});
	fc.assert(property, { numRuns: 300 });
	expect([...missing]).toEqual([]);
});
