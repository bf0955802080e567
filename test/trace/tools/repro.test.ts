/** Runs the reproducers in scripts/repro on the simulated kernel. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { iommuctl } from "../../cli/cli.js";

const folder = "scripts/repro";
const scripts = readdirSync(folder).filter((name) => name.endsWith(".iommu"));

const commits = [
	"4e034bf045b1",
	"b42497e3c0e7",
	"e24c15510592",
	"cb30dfa75d55",
	"e4395701330f",
	"172fc8b19825",
	"091ab6d70dc4",
	"47916a54eeb2",
	"00203ca8323f",
	"01e41ad76c12",
	"6ebf2eb46fbd",
	"4d70986002f2",
	"afb47765f923",
];

describe("reproducers", () => {
	it("exist for every commit, and are named after it", () => {
		for (const commit of commits) expect(scripts.some((name) => name.startsWith(`${commit}-`))).toBe(true);
	});

	it.each(scripts)("%s says what it is and passes on the simulated kernel", (name) => {
		const text = readFileSync(`${folder}/${name}`, "utf8");
		expect(text.startsWith(`# ${name.split("-")[0]}`)).toBe(true);
		expect(text).toMatch(/^# Calls: .*\n(?:#.*\n)*# Wrong: .*\n(?:#.*\n)*# Right: /m);
		// It checks more than that its calls succeed.
		expect(text).toMatch(/^(?:expect|check) /m);
		const ran = iommuctl(["run", `${folder}/${name}`, "--kernel", "sim", "--quiet"]);
		expect(ran, ran.stderr).toMatchObject({ status: 0, stdout: "" });
	});
});
