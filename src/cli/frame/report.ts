import type { Palette } from "./colour.js";
import type { Place } from "./command.js";
import { exitCode, UsageError } from "./exit.js";
import type { Io } from "./io.js";

interface Problem {
	readonly kind: "usage" | "environment" | "internal";
	readonly exit: number;
	readonly message: string;
	readonly hint?: string;
}

function classify(error: unknown, env: Io["env"]): Problem {
	if (error instanceof UsageError) return { kind: "usage", exit: exitCode.usage, message: error.message, hint: error.hint };
	const name = error instanceof Error ? error.name : "";
	const { message, hint } = error instanceof Error ? (error as Error & { hint?: string }) : { message: String(error), hint: undefined };
	// By name: these come from layers below, which this file would otherwise have to load.
	if (name === "InputError" || name === "TraceError" || name === "MachineError")
		return { kind: "usage", exit: exitCode.usage, message, hint };
	if (name === "Cancelled") return { kind: "environment", exit: exitCode.environment, message };
	if (name === "EnvironmentError" || name === "MemoryError") return { kind: "environment", exit: exitCode.environment, message, hint };
	if (env.IOMMUCTL_DEBUG && error instanceof Error) return { kind: "internal", exit: exitCode.internal, message: error.stack ?? message };
	return {
		kind: "internal",
		exit: exitCode.internal,
		message: `internal error: ${message}`,
		hint: "this is a bug in iommuctl; IOMMUCTL_DEBUG=1 shows where",
	};
}

/**
 * Tells what is wrong, on stderr and with --json on stdout too. @returns the exit code
 * @param place in a script: where
 */
export function reportProblem(error: unknown, io: Io, colours: Palette, json: boolean, place?: Place): number {
	const { kind, exit, message, hint } = classify(error, io.env);
	if (json) {
		const where = place && { file: place.file, line: place.line, name: place.name ?? null };
		const document = { schema: "iommuctl.error", version: 1, ...where, kind, exit, message, hint: hint ?? null };
		io.stdout.write(`${JSON.stringify(document)}\n`);
	}
	io.stderr.write(`${colours.bad("error:")} ${message}\n${hint ? `  ${hint}\n` : ""}`);
	return exit;
}
