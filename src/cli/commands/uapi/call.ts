/** `call`: every call of the uAPI by its name, those of headers too. */
import { detailsOf, everyCall, type Ioctl, type StructType } from "../../../../structs/index.js";
import { callCommand } from "../../call/command.js";
import { onFileOptions, onFileTarget } from "../../call/on-file.js";
import { type Piece, placeBytes, placedDetails, placedOptions } from "../../call/placed-bytes.js";
import { shapeOf } from "../../call/shape.js";
import { callSpec } from "../../call/spec.js";
import { valueCommand } from "../../call/value.js";
import type { CommandSpec, Family } from "../../frame/command.js";
import { replacedText } from "../../frame/uapi-choice.js";

/** With the first field that one would give. */
function example(call: Ioctl): string {
	const { fields } = shapeOf({ ioctl: call });
	const first = fields.find(
		({ field: { role, dir, path } }) => dir !== "out" && role !== "size" && role !== "reserved" && !path.includes("."),
	);
	return first === undefined ? `call ${call.name}` : `call ${call.name} --${first.option} 1`;
}

function details(call: Ioctl): string | undefined {
	const texts = [
		call.struct === null ? undefined : detailsOf(call.struct.name),
		call.header === undefined ? undefined : `From ${call.header}; the simulated kernel does not know it (ENOTTY).`,
		call.replaces === undefined ? undefined : `${replacedText({ ...call, replaces: call.replaces, header: call.header ?? "" })}.`,
	].filter((text) => text !== undefined);
	return texts.length === 0 ? undefined : texts.join("\n\n");
}

function commandOf(call: Ioctl): CommandSpec {
	const struct = call.struct as StructType | null;
	const examples = [[example(call), ""]] as const;
	if (struct === null) {
		const names = new Map<string, bigint>();
		return valueCommand("call", {
			name: call.name,
			summary: "a call without a struct",
			details: details(call),
			ioctl: call,
			value: { name: "VALUE", doc: "the number to pass (0)", optional: true, names },
			extra: () => onFileOptions,
			target: onFileTarget,
			examples,
		});
	}
	return callCommand(
		"call",
		callSpec<Piece[]>({
			name: call.name,
			summary: struct.doc,
			details: details(call),
			examples,
			ioctl: call,
			extra: () => [...onFileOptions, ...placedOptions(struct)],
			target: onFileTarget,
			prepare(draft) {
				if (call.replaces && call.header && draft.inv.common.json)
					draft.notes.push(replacedText({ ...call, replaces: call.replaces, header: call.header }));
				return placeBytes(draft);
			},
			after: placedDetails,
		}),
	);
}

let family: Family | undefined;

/** The family as the uAPI is once headers were read: made when the command is first used. */
export function callFamily(): Family {
	family ??= makeFamily();
	return family;
}

function makeFamily(): Family {
	const calls = everyCall();
	const names = new Set(calls.map(({ name }) => name));
	return {
		name: "call",
		generated: true,
		details: [
			"Each call is a command, and each field of its struct an option; nothing is filled in but the size. Names may be written in",
			"small letters, and without IOMMU_. What --uapi-file declares is here too.",
		].join("\n"),
		commands: calls.map(commandOf),
		meant(word) {
			if (word === "help" || word.startsWith("-")) return word;
			const name = word.toUpperCase().replaceAll("-", "_");
			return names.has(name) || /^(?:IOMMU|VFIO)/.test(name) ? name : `IOMMU_${name}`;
		},
	};
}
