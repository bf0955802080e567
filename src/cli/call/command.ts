/** Turns a CallSpec into a command. */
import type { CommandSpec } from "../frame/command.js";
import { performCall } from "./perform.js";
import { callOf, fieldOptions, shapeOf } from "./shape.js";
import type { CallSpec } from "./spec.js";

/** The command that makes a call: its options follow from the struct's declaration. */
export function callCommand<P>(object: string, spec: CallSpec<P>): CommandSpec {
	const command = spec.name === "" ? object : `${object} ${spec.name}`;
	return {
		name: spec.name,
		summary: spec.summary,
		details: spec.details,
		args: [...(spec.args ?? []), ...(spec.positional ?? []).map((one) => ({ ...one, optional: true }))],
		options: () => [...(spec.extra?.() ?? []), ...fieldOptions(shapeOf(spec))],
		ioctl: callOf(spec.ioctl).name,
		groups: ["kernel", "fd", "call", "dry", "expect", "quiet"],
		examples: spec.examples,
		run: (invocation) => performCall(command, spec, invocation),
	};
}
