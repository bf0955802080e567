/** Turns what the simulated machine refuses into an errno that can be expected. */
import { showIo } from "../../call/io-result.js";
import { asExpected } from "../../call/perform.js";
import type { CommandSpec, Family, Invocation } from "../../frame/command.js";
import { exitCode, type Outcome } from "../../frame/exit.js";

/**
 * The command with --expect. What the machine refuses is a failed call with an errno. A request that makes no sense (an unknown
 * device, for example) stays a mistake of the user, with exit 2, unless an errno is expected.
 */
export function refusable(spec: CommandSpec, family: string): CommandSpec {
	const groups = spec.groups?.includes("expect") ? spec.groups : [...(spec.groups ?? []), "expect" as const];
	return {
		...spec,
		groups,
		run: async (inv) => {
			let outcome: Outcome;
			try {
				outcome = await spec.run(inv);
			} catch (error) {
				const { ControlError, Refusal } = await import("../../../sim/index.js");
				if (!(error instanceof ControlError) || (!(error instanceof Refusal) && inv.common.expect === undefined)) throw error;
				const { errno, message, hint } = error;
				return await showIo(inv, {
					command: `${family} ${spec.name}`,
					call: spec.name.replaceAll("-", " "),
					ret: -1,
					errno,
					lines: hint === undefined ? [message] : [message, hint],
					json: { why: message },
				});
			}
			return judged(inv, spec, outcome);
		},
	};
}

/** A family whose commands are all refusable. */
export const refusableFamily = (family: Family): Family => ({
	...family,
	commands: family.commands.map((command) => refusable(command, family.name)),
});

/** Commands that print a document do not look at --expect themselves. */
function judged(inv: Invocation, spec: CommandSpec, outcome: Outcome): Outcome {
	const { expect } = inv.common;
	if (expect === undefined || (outcome.exit !== exitCode.done && outcome.exit !== exitCode.failed)) return outcome;
	const good = asExpected(inv, { errno: outcome.errno, ret: outcome.value ?? 0 });
	const exit = good ? exitCode.done : exitCode.failed;
	if (!good && outcome.exit === exitCode.done) inv.io.stderr.write(`${inv.err.bad("failed")}  ${spec.name} did not fail with ${expect}\n`);
	return { ...outcome, exit };
}
