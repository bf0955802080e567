/** How problems are reported, and with which exit code. */
import { expect, test } from "vitest";
import { palette } from "../../src/cli/frame/colour.js";
import { UsageError } from "../../src/cli/frame/exit.js";
import { BufferSink, type Io } from "../../src/cli/frame/io.js";
import { reportProblem } from "../../src/cli/frame/report.js";
import { MemoryError } from "../../src/client/memory.js";
import { EnvironmentError } from "../../src/kernel/environment-error.js";
import { SessionError } from "../../src/session/paths.js";
import { Cancelled } from "../../src/session/remote-io.js";
import { TraceError } from "../../src/trace/error.js";
import { InputError, Problem } from "../../structs/index.js";

const plain = await palette(0);

test.each([
	[new UsageError("wrong", "right"), "usage", 2, "right"],
	[new InputError("wrong"), "usage", 2, null],
	[new TraceError("t.jsonl", 3, 4, "wrong"), "usage", 2, null],
	[new EnvironmentError("lacking", "mend it"), "environment", 3, "mend it"],
	[new MemoryError(12, "none left"), "environment", 3, null],
	[new SessionError("gone"), "environment", 3, null],
	[new SessionError("no name", "a name", "usage"), "usage", 2, "a name"],
	[new Cancelled("given up"), "environment", 3, null],
	[new Problem("internal", "broken"), "internal", 4, expect.stringContaining("a bug")],
	[new RangeError("broken"), "internal", 4, expect.stringContaining("a bug")],
])("the kind of %s decides the exit code", (error, kind, exit, hint) => {
	const stdout = new BufferSink();
	const io: Io = { stdout, stderr: new BufferSink(), stdin: { readAll: async () => new Uint8Array() }, cwd: "/", env: {} };
	expect(reportProblem(error, io, plain, true)).toBe(exit);
	const message = kind === "internal" ? `internal error: ${error.message}` : error.message;
	expect(JSON.parse(stdout.text())).toMatchObject({ schema: "iommuctl.error", kind, exit, message, hint });
});
