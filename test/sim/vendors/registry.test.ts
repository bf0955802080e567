/** Tests that a new vendor needs only a folder (./toy) and a row in the registry. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test, vi } from "vitest";
import { answer } from "../../../src/cli/commands/tools/completion/answer.js";
import { execute } from "../../../src/cli/execute.js";
import { families } from "../../../src/cli/families.js";
import { Context } from "../../../src/cli/frame/context.js";
import { BufferSink, type Io } from "../../../src/cli/frame/io.js";
import { machineFromTraceHeader } from "../../../src/sim/vendors/machines.js";
import { vendors } from "../../../src/sim/vendors/registry.js";

// the row
vi.mock("../../../src/sim/vendors/registry.js", async (original) => {
	const registry = await original<typeof import("../../../src/sim/vendors/registry.js")>();
	const { toy } = await import("./toy/index.js");
	return { ...registry, vendors: [...registry.vendors, toy] };
});

const context = new Context("sim", undefined, { machine: "toy", uapi: ["toy-faster"] });
afterAll(() => context.dispose());

async function run(line: string): Promise<string> {
	const stdout = new BufferSink();
	const stderr = new BufferSink();
	const io: Io = { stdout, stderr, stdin: { readAll: async () => new Uint8Array() }, cwd: "/", env: {} };
	const { exit } = await execute(line.split(" "), { io, context });
	expect(exit === 0 ? 0 : stderr.text()).toBe(0);
	return stdout.text();
}

const candidates = async (...words: string[]): Promise<string[]> =>
	(await answer(families, words, new Context("sim"))).candidates.map(({ value }) => value);

describe("a new vendor", () => {
	test("is registered", () => {
		expect(vendors.map(({ kind }) => kind)).toEqual(["vtd", "smmuv3", "amd", "riscv", "selftest", "toy"]);
	});

	test("machine files, pictures, built-in machines and trace headers know it; the mixed machine is unchanged", async () => {
		expect(await run("machine show toy")).toContain("iommu toy0: toy, PASIDs of 8 bits");
		expect(await run("machine list")).toMatch(/^toy +toys$/m);
		const file = JSON.parse(await run("machine show toy --json")) as { iommus: object[]; kernel: object };
		expect(file.iommus).toEqual([{ name: "toy0", kind: "toy", width: 8 }]);
		expect(file.kernel).toMatchObject({ toy_faster: false, vtd_inv_v10: false });
		expect(await run("machine show mixed")).not.toContain("toy");
		const recorded = machineFromTraceHeader({ toy: "one", devices: [{ bdf: "0000:00:10.0", path: "/dev/vfio/devices/vfio0" }] });
		expect(recorded).toMatchObject({ name: "trace-one", iommus: [{ kind: "toy", width: 4 }] });
	});

	test("its devices do DMA, and its faults are explained", async () => {
		for (const line of ["ioas alloc", "device bind vfio3", "ioas map 1 --iova 0 --length 64k", "device attach vfio3 1"]) await run(line);
		await run("sim dma vfio3 --iova 0x1000 --write --text hello");
		expect(await run("sim dma vfio3 --iova 0x1000 --read --length 5")).toContain("hello");
		expect(await run("sim dma vfio3 --iova 0xdead0000 --read --expect EFAULT")).toContain("the toy has no such page");
		await run("sim event vfio3 7");
		const { sim } = await context.handle();
		expect(sim?.log.at(-1)).toBe("toy: fault 7 of 0000:00:12.0");
		expect(sim?.hardware?.machine.kernel.vendor.toy_faster).toBe(true);
	});

	test("a guest's table is bound, cached, and invalidated by a descriptor of its queue", async () => {
		await run("sim dma vfio3 --iova 0x28 --write --data 0020000000000000");
		await run("vsva bind vfio3 --base 0 --size 16");
		await run("sim dma vfio3 --iova 0 --write --text table --pasid 5");
		const { entries } = JSON.parse(await run("sim cache --json")) as { entries: { context: number; hitBy: string[] }[] };
		expect(entries.find((entry) => entry.context === 5)?.hitBy).toEqual(["FORGET pasid 5"]);
		expect(await run("vsva forward --table 1 --op FORGET,pasid=5")).toContain("FORGET  done, 1 cached entry dropped");
		await run("vsva unbind 1");
		expect(await run("sim dma vfio3 --iova 0x2000 --read --length 5")).toContain("table");
	});

	test("its names are completed, and appear in the help", async () => {
		expect(await candidates("ioas", "alloc", "--machine", "to")).toEqual(["toy"]);
		expect(await candidates("ioas", "alloc", "--uapi", "to")).toEqual(["toy-faster"]);
		expect(await candidates("vsva", "forward", "--vendor", "to")).toEqual(["toy"]);
		expect(await run("vsva forward --help")).toContain("toy words");
		expect(await run("vsva bind --help")).toContain("toy list");
	});
});

describe("nobody else lists the vendors", () => {
	const src = fileURLToPath(new URL("../../../src/", import.meta.url));
	const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter(
		(file) => file.endsWith(".ts") && !/^(sim\/vendors|formats)\//.test(file),
	);
	/** Files that may contain a vendor's name, and why. */
	const allowed: Readonly<Record<string, string>> = {
		"client/payloads.ts": "names of options for the uAPI's own data types, which a real kernel has as well",
		"cli/call/entries/array.ts": "one of these options takes words for a command",
	};

	test.each(vendors.filter(({ kind, driver }) => driver && kind !== "toy").map(({ kind }) => kind))(
		`"%s" is not a literal elsewhere`,
		(kind) => {
			const literal = new RegExp(`["'\`]${kind}["'\`]`);
			const found = files.filter((file) => literal.test(readFileSync(src + file, "utf8")));
			expect(found.filter((file) => !Object.hasOwn(allowed, file))).toEqual([]);
		},
	);

	test("no class or file of a vendor is named outside of its folder and the registry", () => {
		const folders = vendors.filter(({ driver }) => driver).map(({ kind }) => kind);
		const wanted = new RegExp(`vendors/(?:${folders.join("|")})/|\\b(?:Vtd|Smmuv3|Amd)Driver\\b`);
		expect(files.filter((file) => wanted.test(readFileSync(src + file, "utf8")))).toEqual([]);
	});
});
