/** All tests share one temporary folder of this run, which is removed at its end: nothing stays in /tmp, whatever a test leaves. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

// Short, because sockets lie below it.
const folder = mkdtempSync(join(tmpdir(), "iommuctl-t-"));

export function setup(): void {
	// Inherited by the workers, and by every process that a test starts.
	process.env.TMPDIR = folder;
}

export function teardown(): void {
	rmSync(folder, { recursive: true, force: true });
}
