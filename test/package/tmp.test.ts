/** Where tests may leave files. */
import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { iommuctlProcess } from "../cli/cli.js";

test("tests and what they start use a temporary folder of this run, which its end removes", () => {
	expect(tmpdir()).toMatch(/\/iommuctl-t-\w{6}$/);
	expect(process.env.TMPDIR).toBe(tmpdir());
	expect(iommuctlProcess(["session", "list"]).status).toBe(0);
});
