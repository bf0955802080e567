/** A made-up vendor, with a folder as CONTRIBUTING.md describes it. */
import { toWords } from "../../../../src/formats/words.js";
import type { GuestQueue } from "../../../../src/sim/vendors/guest-queue.js";
import type { Vendor } from "../../../../src/sim/vendors/vendor.js";
import { ToyDriver, type ToyIommu, toyChecks } from "./driver.js";

const queue: GuestQueue = {
	about: "toy words",
	sizes: [8],
	names: ["FORGET"],
	encode: (_name, { pasid = 0n }) => new Uint8Array(BigUint64Array.of(pasid).buffer),
	forward: (bytes) => ({ name: "FORGET", fields: { pasid: toWords(bytes)[0] }, fate: { kind: "lost", why: "it is a toy" } }),
	invalidations: (bytes) => [{ type: "FORGET", cache: "pasid", context: Number(toWords(bytes)[0]) }],
	target: "hwpt",
};

export const toy: Vendor<ToyIommu> = {
	kind: "toy",
	title: "Toy",
	checks: toyChecks,
	kernelOptions: { toy_faster: false },
	quirks: { "toy-slow": "it takes its time" },
	parse: (f, base) => ({ ...base, kind: "toy", width: f.need("width", f.int("width", 20)) }),
	file: ({ width }) => ({ width }),
	describe: ({ width }) => `toy, PASIDs of ${width} bits`,
	builtin: { about: "toys", arch: "x86-64", iommu: { name: "toy0", width: 8 }, devices: {} },
	recorded: ({ toy: name }) =>
		typeof name === "string" ? { name, arch: "x86-64", iommus: [{ name: "toy0", kind: "toy", width: 4 }], deviceTlbs: false } : undefined,
	driver: (description, context) => ({ name: description.name, description, driver: new ToyDriver(description, context) }),
	proposals: { "toy-faster": { doc: "toys run faster", option: "toy_faster" } },
	queue,
	pasidTable: "toy list",
	hitBy: ({ context }) => [`FORGET pasid ${context}`],
};
