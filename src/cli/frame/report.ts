/** Says what went wrong. */
import { exitCode, Problem, type ProblemKind } from "../../../structs/errors.js";
import * as stacks from "../../../structs/stack.js"; // deferred
import type { Palette } from "./colour.js";
import type { Place } from "./command.js";
import type { Io } from "./io.js";

interface Told {
	readonly kind: ProblemKind;
	readonly message: string;
	readonly hint?: string;
}

function told(error: unknown, env: Io["env"]): Told {
	if (error instanceof Problem && error.kind !== "internal") return error;
	const message = error instanceof Error ? error.message : String(error);
	if (env.IOMMUCTL_DEBUG && error instanceof Error) return { kind: "internal", message: stacks.stackOf(error) };
	return { kind: "internal", message: `internal error: ${message}`, hint: "this is a bug in iommuctl; IOMMUCTL_DEBUG=1 shows where" };
}

/**
 * Reports a problem on stderr, and with --json on stdout too. @returns the exit code
 * @param place in a script: where
 */
export function reportProblem(error: unknown, io: Io, colours: Palette, json: boolean, place?: Place): number {
	const { kind, message, hint } = told(error, io.env);
	const exit = exitCode[kind];
	if (json) {
		const where = place && { file: place.file, line: place.line, column: place.column ?? null, name: place.name ?? null };
		const document = { schema: "iommuctl.error", version: 1, ...where, kind, exit, message, hint: hint ?? null };
		io.stdout.write(`${JSON.stringify(document)}\n`);
	}
	io.stderr.write(`${colours.bad("error:")} ${message}\n${hint ? `  ${hint}\n` : ""}`);
	return exit;
}
