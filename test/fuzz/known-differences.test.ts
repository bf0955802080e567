/** The file of known differences, and what it does to findings. */
import { expect, test } from "vitest";
import { Campaign, Fuzzer, knownAs, parseKnown, type Side } from "../../src/fuzz/index.js";
import { EEXIST, EINVAL } from "../../src/kernel/errno.js";
import { wrapKernel } from "../../src/kernel/wrap.js";
import { createSim } from "../../src/sim/index.js";
import { errnoName } from "../../src/trace/index.js";
import { side } from "./support.js";

const file = (...known: object[]): string => JSON.stringify({ schema: "iommuctl.fuzz-known", version: 1, known });

test("entries fit findings by the members that they have", () => {
	const known = parseKnown(
		file({ call: "IOMMU_IOAS_MAP", left: "EEXIST", why: "x" }, { kind: "warning", call: "iommufd_f", why: "y" }),
		"known.json",
	);
	expect(knownAs(known, { kind: "answer", call: "IOMMU_IOAS_MAP", left: "EEXIST", right: "ok" })?.why).toBe("x");
	expect(knownAs(known, { kind: "answer", call: "IOMMU_IOAS_MAP", left: "EINVAL", right: "ok" })).toBeUndefined();
	expect(knownAs(known, { kind: "warning", call: "iommufd_f" })?.why).toBe("y");
	expect(knownAs(known, { kind: "answer", call: "iommufd_f" })).toBeUndefined();
	const rule = parseKnown(file({ call: "A", rule: "map.length-first", why: "r" }), "known.json");
	expect(knownAs(rule, { kind: "answer", call: "B", left: "ok", rule: "map.length-first" })?.why).toBe("r");
	expect(knownAs(rule, { kind: "answer", call: "A" })).toBeUndefined();
	const fields = parseKnown(file({ call: "A", fields: ["iova"], why: "z" }), "known.json");
	expect(knownAs(fields, { kind: "answer", call: "A", fields: ["iova"] })).toBeDefined();
	expect(knownAs(fields, { kind: "answer", call: "A", fields: ["iova", "length"] })).toBeUndefined();
});

test.each([
	["nonsense", "known.json is not JSON"],
	["{}", 'known.json does not name known differences: it begins with {"schema": "iommuctl.fuzz-known"'],
	[file({ call: "A" }), "known.json: entry 1 does not say why"],
	[file({ why: "because" }), "known.json: entry 1 fits every finding: name at least the call"],
	[file({ cal: "A", why: "x" }), 'known.json: entry 1 has a member "cal"; members are kind, call, left, right, check, rule, fields, why'],
	[file({ kind: "anser", call: "A", why: "x" }), 'known.json: entry 1: kind is "anser"; kinds are answer, warning, leak, broken'],
	[file({ call: 3, why: "x" }), "known.json: entry 1: call is not text"],
	[file({ call: "A", fields: "iova", why: "x" }), "known.json: entry 1: fields is not a list of names"],
])("a file with a mistake is refused: %s", (text, message) => {
	expect(() => parseKnown(text, "known.json")).toThrow(message);
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
