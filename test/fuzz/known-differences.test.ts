/** The file of known differences, and what it does to findings. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { Campaign, Fuzzer, knownAs, parseKnown, type Side } from "../../src/fuzz/index.js";
import { firstDifference } from "../../src/fuzz/sides.js";
import { signatureOf } from "../../src/fuzz/signature.js";
import { EEXIST, EINVAL } from "../../src/kernel/errno.js";
import { wrapKernel } from "../../src/kernel/wrap.js";
import { createSim } from "../../src/sim/index.js";
import { errnoName } from "../../src/trace/index.js";
import { side } from "./support.js";

const file = (...known: object[]): string => JSON.stringify({ schema: "iommuctl.fuzz-known", version: 1, known });

test("entries fit findings by the members that they have", async () => {
	const known = await parseKnown(
		file({ call: "IOMMU_IOAS_MAP", left: "EEXIST", why: "x" }, { kind: "warning", call: "iommufd_f", why: "y" }),
		"known.json",
	);
	expect(knownAs(known, { kind: "answer", call: "IOMMU_IOAS_MAP", left: "EEXIST", right: "ok" })?.why).toBe("x");
	expect(knownAs(known, { kind: "answer", call: "IOMMU_IOAS_MAP", left: "EINVAL", right: "ok" })).toBeUndefined();
	expect(knownAs(known, { kind: "warning", call: "iommufd_f" })?.why).toBe("y");
	expect(knownAs(known, { kind: "answer", call: "iommufd_f" })).toBeUndefined();
	const rule = await parseKnown(file({ call: "poll", rule: "map.length-first", why: "r" }), "known.json");
	expect(knownAs(rule, { kind: "answer", call: "B", left: "ok", rule: "map.length-first" })?.why).toBe("r");
	expect(knownAs(rule, { kind: "answer", call: "poll" })).toBeUndefined();
	const fields = await parseKnown(file({ call: "IOMMU_IOAS_COPY", fields: ["iova"], why: "z" }), "known.json");
	expect(knownAs(fields, { kind: "answer", call: "IOMMU_IOAS_COPY", fields: ["iova"] })).toBeDefined();
	expect(knownAs(fields, { kind: "answer", call: "IOMMU_IOAS_COPY", fields: ["iova", "length"] })).toBeUndefined();
});

test.each([
	["nonsense", "known.json is not JSON"],
	["{}", 'known.json does not name known differences: it begins with {"schema": "iommuctl.fuzz-known"'],
	[file({ call: "A" }), "known.json: entry 1 does not say why"],
	[file({ why: "because" }), "known.json: entry 1 fits every finding: name at least the call"],
	[file({ cal: "A", why: "x" }), 'known.json: entry 1 has a member "cal"; members are kind, call, left, right, check, rule, fields, why'],
	[file({ kind: "anser", call: "A", why: "x" }), 'known.json: entry 1: kind is "anser"; kinds are answer, warning, leak'],
	[file({ call: 3, why: "x" }), "known.json: entry 1: call is not text"],
	[file({ call: "A", fields: "iova", why: "x" }), "known.json: entry 1: fields is not a list of names"],
	[file({ call: "IOMMU_IOAS_MPA", why: "x" }), 'known.json: entry 1: call "IOMMU_IOAS_MPA" is not known; did you mean IOMMU_IOAS_MAP?'],
	[file({ call: "iommufd_fops_release", why: "x" }), 'known.json: entry 1: call "iommufd_fops_release" is not known'],
	[file({ kind: "leak", call: "files", why: "x" }), 'known.json: entry 1: call "files" is not known'],
	[file({ call: "poll", right: "EIVNAL", why: "x" }), 'known.json: entry 1: right "EIVNAL" is not known'],
	[
		file({ rule: "map.lenght-first", why: "x" }),
		'known.json: entry 1: rule "map.lenght-first" is not known; did you mean map.length-first?',
	],
	[file({ check: "ioas-map.iova", why: "x" }), 'known.json: entry 1: check "ioas-map.iova" is not known'],
])("a file with a mistake is refused: %s", async (text, message) => {
	await expect(parseKnown(text, "known.json")).rejects.toThrow(message);
});

test("without a name that is near, it is said what is possible", async () => {
	const hint = (entry: object) => parseKnown(file({ ...entry, why: "x" }), "known.json").catch((error) => error.hint);
	expect(await hint({ call: "iommufd_fops_release" })).toContain('a function of the kernel goes with "kind": "warning"');
	expect(await hint({ kind: "leak", call: "brain" })).toBe(
		"what leaks is called objects, open files, locked memory, slab, a file without a number, unreferenced memory",
	);
	expect(await hint({ rule: "x" })).toBe("docs/releases.md names the rules");
});

test("whatever is found can be named", async () => {
	const campaign = new Campaign({ seed: 1 });
	for (const uapi of ["6.2", "6.10", "6.18"]) {
		const older: Side = { name: uapi, real: false, open: () => createSim({ uapi: [uapi] }).newProcess() };
		const found = [...Array(20).keys()].flatMap((number) => {
			const difference = firstDifference(campaign.program(number).steps, side("sim"), older);
			return difference === undefined ? [] : [signatureOf(difference)];
		});
		expect(found.length).toBeGreaterThan(0);
		await parseKnown(file(...found.map((one) => ({ ...one, why: "x" }))), "known.json");
	}
});

test("the known differences of Linux 7.3.4 are a file of this kind", async () => {
	const name = fileURLToPath(new URL("../../scripts/fuzz-known.json", import.meta.url));
	expect(await parseKnown(readFileSync(name, "utf8"), name)).not.toEqual([]);
});

test("what one rule of a release changes is one finding", async () => {
	const older: Side = { name: "sim:uapi=6.12", real: false, open: () => createSim({ uapi: ["6.12"] }).newProcess() };
	const fuzzer = new Fuzzer({ campaign: new Campaign({ seed: 1 }), left: side("sim"), leftDrew: true, right: older });
	const rules: (string | undefined)[] = [];
	let repeated = 0;
	for (let number = 0; number < 12; number++) {
		const result = await fuzzer.run(number);
		repeated += result.repeated.length;
		rules.push(...result.findings.map(({ signature }) => signature.rule));
		// A rule shows in several answers; the one that is named is the one that is left.
		for (const { signature, difference } of result.findings)
			for (const which of ["left", "right"] as const) {
				const ret = difference?.[which].ret;
				if (ret !== undefined) expect(signature[which]).toBe(ret < 0 ? errnoName(-ret) : "ok");
			}
	}
	expect(rules).toContain("IOMMU_IOAS_MAP_FILE");
	expect(new Set(rules).size).toBe(rules.length);
	expect(repeated).toBeGreaterThan(rules.length);
});

test("a known difference is counted, and what follows it is still compared", async () => {
	const wrong = side("planted", (process) =>
		wrapKernel(process, {
			ioctl(fd, request, arg) {
				const ret = process.ioctl(fd, request, arg);
				return ret === -EEXIST ? -EINVAL : ret;
			},
		}),
	);
	const known = [{ call: "IOMMU_IOAS_MAP", left: "EEXIST", right: "EINVAL", why: "planted" }];
	const fuzzer = new Fuzzer({ campaign: new Campaign({ seed: 1 }), left: side("sim"), leftDrew: true, right: wrong, known });
	let counted = 0;
	const others = new Set<string>();
	for (let number = 0; number < 15; number++) {
		const result = await fuzzer.run(number);
		counted += result.known.length;
		for (const { signature } of result.findings) others.add(signature.call);
	}
	expect(counted).toBeGreaterThan(0);
	expect(others.has("IOMMU_IOAS_MAP")).toBe(false);
});
