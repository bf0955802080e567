/** Values of options and arguments: constants of the uAPI, existing objects, names of machines and structs. */
import {
	allCalls,
	allSets,
	allStructs,
	constantsOf,
	type FieldInfo,
	ioctlByName,
	RELEASES,
	type StructType,
	setInfo,
	shortName,
	structByName,
} from "../../../../../structs/index.js";
import type { Layout } from "../../../../formats/words.js";
import { errnoNames } from "../../../../kernel/errno.js";
import type { Machine } from "../../../../sim/index.js";
import type { Argument, OptionSpec, ValueKind } from "../../../frame/command.js";
import type { Context } from "../../../frame/context.js";
import { defaultMachine } from "../../../frame/kernel-choice.js";

export interface Candidate {
	readonly value: string;
	readonly doc?: string;
}

export interface Answer {
	readonly candidates: readonly Candidate[];
	/** the shell may offer files too */
	readonly files?: boolean;
	/** more follows the word: no space after it */
	readonly open?: boolean;
}

export const nothing: Answer = { candidates: [] };

const names = (values: Iterable<string>): Candidate[] => [...values].map((value) => ({ value }));

/** Which types of object a field with an ID may name. */
const typesByField: readonly (readonly [RegExp, readonly string[]])[] = [
	[/ioas_id$/, ["ioas"]],
	[/^pt_id$/, ["ioas", "hwpt-paging", "hwpt-nested", "viommu"]],
	[/hwpt_id$/, ["hwpt-paging", "hwpt-nested"]],
	[/dev_id$|devid$|idev_id$/, ["device"]],
	[/viommu_id$/, ["viommu"]],
	[/fault_id$/, ["fault"]],
	[/veventq_id$/, ["veventq"]],
	[/stdev_id$/, ["selftest"]],
];

/** Objects of a kernel that is already open: a session's. */
export async function objects(context: Context, fieldName: string): Promise<Candidate[]> {
	const handle = context.live;
	if (!handle) return [];
	const { knownHere } = await import("../../../graph/known.js");
	const types = typesByField.find(([pattern]) => pattern.test(fieldName))?.[1];
	const all = (await knownHere(handle)).contexts().flatMap((one) => one.objects);
	return all.filter(({ type }) => types?.includes(type) ?? true).map(({ id, type }) => ({ value: String(id), doc: type }));
}

/** Names joined by commas: the last one is completed, those before it stay. */
function listed(typed: string, all: readonly Candidate[]): Answer {
	const before = typed.slice(0, typed.lastIndexOf(",") + 1);
	const used = new Set(before.split(",").filter(Boolean));
	return { candidates: all.filter(({ value }) => !used.has(value)).map(({ value, doc }) => ({ value: before + value, doc })), open: true };
}

export async function fieldValues(field: FieldInfo, typed: string, context: Context): Promise<Answer> {
	if (field.set) {
		const { set } = field;
		const all = constantsOf(field).map(([name, value]) => ({ value: shortName(set, name), doc: `0x${value.toString(16)}` }));
		return setInfo(set).kind === "flags" ? listed(typed, all) : { candidates: all };
	}
	return field.role === "id" ? { candidates: await objects(context, field.name) } : nothing;
}

/** `field=value`, for --set and `struct encode`. */
export async function assignment(struct: StructType | undefined, typed: string, context: Context): Promise<Answer> {
	if (!struct) return nothing;
	const at = typed.indexOf("=");
	if (at < 0) return { candidates: struct.leaves.map(({ path, doc }) => ({ value: `${path}=`, doc })), open: true };
	const field = struct.leaves.find(({ path, name }) => path === typed.slice(0, at) || name === typed.slice(0, at));
	if (!field) return nothing;
	const { candidates, open } = await fieldValues(field, typed.slice(at + 1), context);
	return { candidates: candidates.map(({ value, doc }) => ({ value: typed.slice(0, at + 1) + value, doc })), open };
}

/** `iotlb=0x1,flags=2` of a payload's struct, and `op=TLBI_NH_VA,asid=1` of the bits of its words. */
async function payload(struct: StructType | undefined, bits: Layout | undefined, typed: string, context: Context): Promise<Answer> {
	const before = typed.slice(0, typed.lastIndexOf(",") + 1);
	const last = typed.slice(before.length);
	const ofBits = record(bits ?? {}, last);
	const ofStruct = await assignment(struct, last, context);
	const used = new Set(before.split(",").map((piece) => piece.split("=")[0]));
	const all = [...ofBits.candidates, ...ofStruct.candidates].filter(
		({ value }) => last.includes("=") || !used.has(value.replace(/=$/, "")),
	);
	return { candidates: all.map(({ value, doc }) => ({ value: before + value, doc })), open: ofBits.open || ofStruct.open };
}

/** `field=value` of a hardware structure. */
function record(layout: Layout, typed: string): Answer {
	const at = typed.indexOf("=");
	if (at < 0) return { candidates: Object.keys(layout).map((name) => ({ value: `${name}=` })), open: true };
	const named = Object.hasOwn(layout, typed.slice(0, at)) ? layout[typed.slice(0, at)].names : undefined;
	return { candidates: Object.keys(named ?? {}).map((name) => ({ value: typed.slice(0, at + 1) + name })) };
}

/** Scripts that iommuctl comes with, once it is clear that one is meant; files anyway. */
async function scripts(typed: string): Promise<Answer> {
	if (!/^(?:e|r)/.test(typed)) return { candidates: [], files: true };
	const { shippedScripts } = await import("../../../frame/shipped.js");
	return { candidates: shippedScripts().map(({ kind, name, about }) => ({ value: `${kind}:${name}`, doc: about })), files: true };
}

const structNames = (): Candidate[] => allStructs().map(({ name, doc }) => ({ value: name, doc }));
const callNames = (): Candidate[] =>
	allCalls().map(({ name, since }) => ({ value: name, doc: since ? `since Linux ${since}` : undefined }));

async function machines(): Promise<Answer> {
	const { BUILTIN_MACHINES } = await import("../../../../sim/index.js");
	return { candidates: names(Object.keys(BUILTIN_MACHINES)), files: true };
}

async function uapi(typed: string): Promise<Answer> {
	const { proposals } = await import("../../../../sim/index.js");
	return listed(typed, [...names(RELEASES), ...Object.entries(proposals()).map(([value, { doc }]) => ({ value, doc }))]);
}

/** What may follow an option. `struct` is that of the command's call. */
export async function optionValues(option: OptionSpec, typed: string, struct: StructType | undefined, context: Context): Promise<Answer> {
	if (option.choices) return { candidates: names(option.choices) };
	if (option.field) return await fieldValues(option.field, typed, context);
	return await valuesOf(option.value, typed, struct, context);
}

/** What may stand at a position. `before` are the arguments in front of it. */
export async function argumentValues(
	argument: Argument & { readonly field?: string },
	before: readonly string[],
	typed: string,
	fields: readonly FieldInfo[],
	context: Context,
): Promise<Answer> {
	const field = fields.find(({ path }) => path === argument.field);
	if (field) return await fieldValues(field, typed, context);
	const found = await valuesOf(argument.value, typed, structNamed(before[0]), context, before.slice(1));
	return argument.value === "assignment" ? { ...found, files: true } : found;
}

/** The struct of a name as people type it, or of a call. */
function structNamed(name: string | undefined): StructType | undefined {
	if (name === undefined) return undefined;
	const call = ioctlByName(name.toUpperCase()) ?? ioctlByName(`IOMMU_${name.toUpperCase()}`);
	return structByName(name) ?? structByName(`iommu_${name}`) ?? call?.struct ?? undefined;
}

async function valuesOf(
	kind: ValueKind | undefined,
	typed: string,
	struct: StructType | undefined,
	context: Context,
	before: readonly string[] = [],
): Promise<Answer> {
	if (typeof kind === "object") {
		if ("id" in kind) return { candidates: await objects(context, kind.id) };
		if ("names" in kind) return kind.several ? listed(typed, names(kind.names)) : { candidates: names(kind.names) };
		if ("fieldsOf" in kind) return await payload(structByName(kind.fieldsOf), kind.bits, typed, context);
		const named = Object.entries(kind.recordOf).find(([name]) => name === before[0]?.toUpperCase());
		return named ? record(named[1], typed) : nothing;
	}
	switch (kind) {
		case undefined:
			return nothing;
		case "script":
			return await scripts(typed);
		case "file":
			return { candidates: [], files: true };
		case "machine":
			return await machines();
		case "uapi":
			return await uapi(typed);
		case "injection":
			return { candidates: [{ value: "ioctl:error=" }, ...callNames().map(({ value }) => ({ value: `${value}:error=` }))], open: true };
		case "assignment":
			return await assignment(struct, typed, context);
		case "errno":
			return { candidates: names(errnoNames()) };
		case "kernel":
			return { candidates: names(["sim", "real", "sim:uapi="]), open: true };
		case "call":
			return { candidates: callNames() };
		case "struct":
			return { candidates: [...structNames(), ...allSets().map((set) => ({ value: setInfo(set).name, doc: setInfo(set).doc }))] };
		case "session":
			return { candidates: await sessions() };
		case "device":
			return { candidates: await vfioDevices(context) };
	}
}

async function vfioDevices(context: Context): Promise<Candidate[]> {
	const live = context.live;
	if (live?.sim) return ofMachine(live.sim.hardware?.machine);
	const { readdir } = await import("node:fs/promises");
	const real = await readdir("/dev/vfio/devices").catch(() => []);
	if (real.length > 0 || live) return names(real);
	const { loadMachine } = await import("../../../../sim/index.js");
	return ofMachine(await loadMachine(defaultMachine));
}

async function ofMachine(machine: Machine | undefined): Promise<Candidate[]> {
	if (machine === undefined) return [];
	const { formatBdf } = await import("../../../../sim/index.js");
	const { devices, siov, mdevs } = machine;
	const all = [
		...devices.map(({ vfio, bdf, model }) => ({ vfio, doc: `${formatBdf(bdf)} ${model}` })),
		...[...siov, ...mdevs].map(({ vfio, name }) => ({ vfio, doc: name })),
	];
	return all.filter(({ vfio }) => vfio !== undefined).map(({ vfio, doc }) => ({ value: `vfio${vfio}`, doc }));
}

/** Sessions that are running. */
async function sessions(): Promise<Candidate[]> {
	const { listSessions } = await import("../../../../session/query.js");
	const found = await listSessions(process.env);
	return found.map((one) => ({ value: one.name, doc: one.state === "running" ? one.status.kernel : one.state }));
}
