/** Which options the fields of a struct become. */
import { constantsOf, type FieldInfo, type Ioctl, ioctls, rowOf, type StructType, setInfo, shortName } from "../../../structs/index.js";
import type { OptionSpec } from "../frame/command.js";
import type { CallShape, CallSpec, FieldOption } from "./spec.js";

/** Names that common options have already. */
const taken = new Set([
	...["set", "tail", "hex", "dry-run", "expect", "kernel", "machine", "uapi", "uapi-file", "inject", "record", "fd", "quiet", "json"],
	...["pretty", "color", "help", "on-fd", "on-device"],
]);

/** `out_ioas_id` is set by `--out-ioas-id`, `__reserved` by `--reserved`. */
export const optionName = (field: string): string => field.replace(/^_+/, "").replaceAll("_", "-");

/** The row of a command's call: of a header's, the command has the row itself. */
export const callOf = (call: CallSpec["ioctl"]): Ioctl => rowOf(typeof call === "string" ? ioctls[call] : call);

/** Which fields a call has, and by which options they are set. */
export function shapeOf(spec: Pick<CallSpec, "ioctl" | "member" | "rename">): CallShape {
	const ioctl = callOf(spec.ioctl);
	const struct = ioctl.struct as StructType | null;
	const used = new Set<string>();
	const fields: FieldOption[] = [];
	for (const field of leavesOf(struct, spec.member)) {
		let option = spec.rename?.[field.path] ?? optionName(field.name);
		// Two members may have the same name: the later one goes by its whole path.
		if (used.has(option) || taken.has(option)) option = optionName(field.path.replaceAll(".", "_"));
		if (used.has(option) || taken.has(option)) option = `field-${option}`;
		used.add(option);
		fields.push({ field, option });
	}
	return { ioctl, fields };
}

export function leavesOf(struct: StructType | null, member?: string): FieldInfo[] {
	return (struct?.leaves ?? []).filter(
		({ path, size }) => size > 0 && (!path.includes(".") || member === undefined || path.startsWith(`${member}.`)),
	);
}

function placeholder(field: FieldInfo): string {
	if (field.length !== undefined) return "values";
	if (field.set) return setInfo(field.set).kind === "flags" ? "flags" : "value";
	const byRole: Record<string, string> = { ptr: "address", iova: "address", len: "length", id: "id", fd: "fd" };
	return byRole[field.role ?? ""] ?? "number";
}

/** The names that a field takes, as short as they may be typed. */
function valueNames(field: FieldInfo): string[] {
	return constantsOf(field).map(([name]) => (field.set ? shortName(field.set, name) : name));
}

/** The options for the fields of a call. */
export function fieldOptions(shape: CallShape): OptionSpec[] {
	const struct = shape.ioctl.struct;
	if (!struct) return [];
	const options: OptionSpec[] = shape.fields.map(({ field, option }) => {
		const names = valueNames(field);
		const doc = [field.doc, names.length <= 12 ? names.join(", ") : ""].filter(Boolean).join("; ");
		return { flags: `--${option} <${placeholder(field)}>`, doc, group: `Fields of struct ${struct.name}:`, field };
	});
	if (sizeAlias(shape)) options.push({ flags: "--size <number>", doc: "the same as --argsz", group: options[0].group });
	return options;
}

/** VFIO's structs call their size argsz; --size stands for it too, where no field has that name. */
export function sizeAlias({ fields }: CallShape): boolean {
	return fields[0]?.option === "argsz" && !fields.some(({ option }) => option === "size");
}
