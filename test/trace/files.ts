/** Temporary files and the text of traces, for tests. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { onTestFinished } from "vitest";

export const HEADER = { trace: "iommufd", version: 1, kernel: "7.3.4", suite: "made" };

/** A folder that is removed after the test. */
export function temporaryFolder(): string {
	const folder = mkdtempSync(join(tmpdir(), "iommuctl-trace-"));
	onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
	return folder;
}

/** A file with these bytes in a folder of its own. */
export function temporaryFile(name: string, content: string | Uint8Array): string {
	const path = join(temporaryFolder(), name);
	writeFileSync(path, content);
	return path;
}

/** A trace's text: a header, then each program's steps between its name and its end. */
export function traceText(programs: Readonly<Record<string, readonly object[]>>, header: object = HEADER): string {
	const records: object[] = [header];
	for (const [program, steps] of Object.entries(programs)) records.push({ program }, ...steps, { op: "end" });
	return `${records.map((record) => JSON.stringify(record)).join("\n")}\n`;
}

export function traceFile(programs: Readonly<Record<string, readonly object[]>>, header?: object): string {
	return temporaryFile("made.jsonl", traceText(programs, header));
}

export function gzipped(text: string): Buffer {
	return gzipSync(Buffer.from(text));
}
