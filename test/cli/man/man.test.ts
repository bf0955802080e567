/** The man page matches the commands. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { families } from "../../../src/cli/families.js";
import { manPage } from "../../../src/cli/man/page.js";
import { escaped, prose } from "../../../src/cli/man/roff.js";
import { root } from "../cli.js";

const file = (path: string): string => readFileSync(join(root, path), "utf8");

describe("man/iommuctl.1", () => {
	test("is as the commands are; `npm run man` makes it so", async () => {
		expect(file("man/iommuctl.1") === (await manPage()), "man/iommuctl.1 is out of date: npm run man").toBe(true);
	});

	test("has every object and every action, and is in the package", async () => {
		const text = file("man/iommuctl.1");
		for (const { name, load } of families) {
			expect(text).toContain(`.SH "${escaped(name.toUpperCase())}"`);
			for (const command of (await load()).commands) {
				expect(text).toContain(`.SS "${escaped(["iommuctl", name, command.name].filter(Boolean).join(" "))}`);
			}
		}
		const { files, man } = JSON.parse(file("package.json")) as { files: string[]; man: string[] };
		expect(files).toContain("man");
		expect(man).toEqual(["man/iommuctl.1"]);
	});

	test("no line is troff's by accident", () => {
		const macros = /^\.(?:TH|SH|SS|PP|TP|B|I|br|nf|fi|\\")(?: |$)/;
		for (const line of file("man/iommuctl.1").split("\n")) {
			if (/^[.']/.test(line)) expect(line).toMatch(macros);
			expect(line).not.toMatch(/\\(?![-e&(])(?!")/);
		}
	});
});

describe("text for troff", () => {
	test("is escaped", () => {
		expect(escaped(".a\n'b\\c -d ~^`")).toBe("\\&.a\n\\&'b\\ec \\-d \\(ti\\(ha\\(ga");
	});

	test("indented lines stay, others are filled", () => {
		expect(prose("one\ntwo\n\n  three\n  four\nfive")).toBe(".PP\none\ntwo\n.PP\n.nf\n  three\n  four\n.fi\n.PP\nfive");
	});
});
