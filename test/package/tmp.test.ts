/** Where tests may leave files. */
import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { iommuctl } from "../cli/cli.js";

test("tests and what they start use a temporary folder of this run, which its end removes", () => {
	expect(tmpdir()).toMatch(/\/iommuctl-t-\w{6}$/);
	expect(process.env.TMPDIR).toBe(tmpdir());
	expect(iommuctl(["session", "list"]).status).toBe(0);
});
