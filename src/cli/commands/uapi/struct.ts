/** `struct`: the uAPI's structs, listed, shown, encoded and decoded. */
import {
	allCalls,
	allSets,
	allStructs,
	detailsOf,
	enumByName,
	type FieldInfo,
	type Ioctl,
	type StructType,
	setInfo,
	structByName,
} from "../../../../structs/index.js";
import { writeLeaf } from "../../../client/leaves.js";
import { jsonLeaf, parseField, parseHexBytes } from "../../call/natural.js";
import { findField } from "../../call/perform.js";
import { fieldLines } from "../../call/show.js";
import type { Argument, CommandSpec, Family, Invocation } from "../../frame/command.js";
import { done, type Outcome, UsageError } from "../../frame/exit.js";
import { readInputOrStdin } from "../../frame/io.js";
import { didYouMean } from "../../frame/suggest.js";
import { hexBytes, hexDump, table } from "../../frame/text.js";
import { wrapText } from "../../frame/wrap-text.js";
import { checkCommand } from "./struct-check.js";
import { exportCommand } from "./struct-export.js";

function callsOf(struct: StructType): Ioctl[] {
	return allCalls().filter((call) => call.struct?.name === struct.name);
}

/** All structs' names, with and without their prefix: both may be typed. */
const structNames = (): string[] => allStructs().flatMap(({ name }) => [name, name.replace(/^(iommu|vfio)_/, "")]);

/** A struct by its name, with or without iommu_; or by the name of the call that takes it. */
function findStruct(name: string): StructType {
	const wanted = name.replaceAll("-", "_");
	const found = structByName(wanted) ?? structByName(`iommu_${wanted}`) ?? structByName(`vfio_${wanted}`);
	if (found) return found;
	const call = allCalls().find((one) => one.name === wanted.toUpperCase() && one.struct);
	if (call) return call.struct as StructType;
	// today's event queues were called virtual IRQs in 2024
	if (/virq/i.test(wanted)) return findStruct(wanted.replace(/virq/i, (old) => (old === "VIRQ" ? "VEVENTQ" : "veventq")));
	throw new UsageError(`no struct is named "${name}"`, didYouMean(wanted, structNames()) ?? "iommuctl struct list shows them all");
}

async function list({ args, common, io, out }: Invocation): Promise<Outcome> {
	const pattern = (args[0] ?? "").toLowerCase();
	const found = allStructs().filter((one) => one.name.includes(pattern));
	const sets = allSets()
		.map(setInfo)
		.filter(({ name }) => name.toLowerCase().includes(pattern));
	if (found.length + sets.length === 0) throw new UsageError(`no struct's name contains "${args[0]}"`, didYouMean(pattern, structNames()));
	if (common.json) {
		const document = {
			schema: "iommuctl.structs",
			version: 1,
			structs: found.map((one) => ({
				name: one.name,
				size: one.size,
				calls: callsOf(one).map(({ name }) => name),
				doc: one.doc,
				proposal: one.proposal,
			})),
			sets: sets.map(({ name, kind, doc }) => ({ name, kind, doc })),
		};
		io.stdout.write(`${JSON.stringify(document)}\n`);
		return done;
	}
	const rows = table(
		[
			...found.map((one) => [one.name, `${one.size} bytes`, `${one.doc}${one.proposal ? " (a proposal)" : ""}`]),
			...sets.map(({ name, kind, doc }) => [name, kind, doc]),
		],
		io.stdout.columns,
	);
	io.stdout.write(`${rows.map((row) => row.replace(/^\S+/, (name) => out.name(name))).join("\n")}\n`);
	return done;
}

function fieldDocument(field: FieldInfo): object {
	return {
		name: field.name,
		path: field.path,
		type: field.type,
		offset: field.offset,
		size: field.size,
		direction: field.dir,
		...(field.role && { role: field.role }),
		...(field.bits && { bits: field.bits }),
		...(field.set && { set: setInfo(field.set).name }),
		doc: field.doc,
		...(field.fields && { fields: field.fields.map(fieldDocument) }),
	};
}

function fieldRows(fields: readonly FieldInfo[], depth: number): string[][] {
	return fields.flatMap((field) => {
		const values = field.set ? setInfo(field.set).name : "";
		const when = field.when ? `if ${field.when.by} is ${field.when.value}` : "";
		const row = [
			String(field.offset),
			String(field.size),
			field.type,
			`${"  ".repeat(depth)}${field.name}`,
			field.dir,
			[field.doc, values && `values: ${values}`, when].filter(Boolean).join("; "),
		];
		return [row, ...fieldRows(field.fields ?? [], depth + 1)];
	});
}

async function show({ args, common, io, out }: Invocation): Promise<Outcome> {
	const set = enumByName(args[0]);
	if (set) return showSet(setInfo(set), common.json, (text) => io.stdout.write(text));
	const struct = findStruct(args[0]);
	const calls = callsOf(struct);
	if (common.json) {
		const document = {
			schema: "iommuctl.struct",
			version: 1,
			name: struct.name,
			size: struct.size,
			align: struct.align,
			doc: struct.doc,
			proposal: struct.proposal,
			calls: calls.map(({ name, request, minSize, since }) => ({
				name,
				request: `0x${request.toString(16)}`,
				minSize,
				since: since ?? null,
			})),
			fields: struct.fields.map(fieldDocument),
		};
		io.stdout.write(`${JSON.stringify(document)}\n`);
		return done;
	}
	const more = detailsOf(struct.name);
	const lines = [
		`${out.strong(`struct ${struct.name}`)}, ${struct.size} bytes: ${struct.doc}`,
		...calls.map(({ name, request, minSize, size, since, header }) => {
			const least = minSize > 0 && minSize < size ? `, at least ${minSize} bytes` : "";
			return `  ${name} 0x${request.toString(16)}${least}${since ? `, since Linux ${since}` : ""}${header ? `, from ${header}` : ""}`;
		}),
		...(more ? ["", ...more.split("\n\n").flatMap((paragraph) => [...wrapText(paragraph, io.stdout.columns), ""])] : [""]),
		...table([["offset", "size", "type", "field", "", ""], ...fieldRows(struct.fields, 0)], io.stdout.columns).map((line) =>
			line.trimEnd(),
		),
	];
	for (const one of new Set(struct.leaves.flatMap((leaf) => (leaf.set ? [leaf.set] : [])))) {
		const { name, kind, entries } = setInfo(one);
		lines.push(
			"",
			`${out.strong(name)} (${kind})`,
			...entries.map(([entry, value]) => `  ${entry} = ${kind === "flags" ? `0x${value.toString(16)}` : value}`),
		);
	}
	io.stdout.write(`${lines.join("\n")}\n`);
	return done;
}

function showSet({ name, kind, entries, doc }: ReturnType<typeof setInfo>, json: boolean, print: (text: string) => void): Outcome {
	if (json)
		print(
			`${JSON.stringify({ schema: "iommuctl.set", version: 1, name, kind, doc, entries: entries.map(([entry, value]) => ({ name: entry, value })) })}\n`,
		);
	else
		print(
			`${[`${name} (${kind}): ${doc}`, ...entries.map(([entry, value]) => `  ${entry} = ${value} (0x${value.toString(16)})`)].join("\n")}\n`,
		);
	return done;
}

async function encode({ args, options, common, io }: Invocation): Promise<Outcome> {
	const struct = findStruct(args[0]);
	const bytes = new Uint8Array(struct.size);
	const sizeField = struct.leaves[0];
	if (sizeField.role === "size") writeLeaf(bytes, sizeField, BigInt(struct.size));
	for (const text of args.slice(1)) {
		const at = text.indexOf("=");
		if (at < 1)
			throw new UsageError(`"${text}": a field and a value are expected`, `for example ${struct.leaves[1]?.name ?? sizeField.name}=1`);
		const field = findField(struct, text.slice(0, at));
		writeLeaf(bytes, field, parseField(field, text.slice(at + 1), field.path));
	}
	if (options.binary === true) io.stdout.write(bytes);
	else if (common.json)
		io.stdout.write(`${JSON.stringify({ schema: "iommuctl.encoded", version: 1, struct: struct.name, bytes: hexBytes(bytes) })}\n`);
	else io.stdout.write(`${hexBytes(bytes)}\n`);
	return done;
}

async function decodeInput({ args, options, io }: Invocation): Promise<Uint8Array> {
	const file = options.file as string | undefined;
	if (file === undefined) {
		if (args[1] === undefined) throw new UsageError("the bytes are missing", "give them in hex, or --file FILE (- is stdin)");
		return parseHexBytes(args.slice(1).join(""), "the bytes");
	}
	return await readInputOrStdin(io, file, "--file");
}

/** The leaves to show: of a union, only those of the selected member. */
function countingLeaves(struct: StructType, bytes: Uint8Array): FieldInfo[] {
	const off = new Set<string>();
	for (const field of struct.fields) {
		if (!field.when) continue;
		const by = struct.leaves.find(({ path }) => path === field.when?.by);
		if (by && Number(jsonLeaf(by, bytes)) !== field.when.value) off.add(field.path);
	}
	return struct.leaves.filter(({ path, offset, size }) => size > 0 && offset + size <= bytes.length && !off.has(path.split(".")[0]));
}

async function decode(inv: Invocation): Promise<Outcome> {
	const { args, common, io, out } = inv;
	const struct = findStruct(args[0]);
	const bytes = await decodeInput(inv);
	const { size } = struct;
	// Bytes of several structs are an array; bytes of less than one are a short struct.
	const count = bytes.length > size && bytes.length % size === 0 ? bytes.length / size : 1;
	const pieces = Array.from({ length: count }, (_, at) => (count === 1 ? bytes : bytes.subarray(at * size, (at + 1) * size)));
	if (common.json) {
		const entries = pieces.map((piece) =>
			Object.fromEntries(countingLeaves(struct, piece).map((leaf) => [leaf.path, jsonLeaf(leaf, piece)])),
		);
		io.stdout.write(
			`${JSON.stringify({ schema: "iommuctl.decoded", version: 1, struct: struct.name, entries, bytes: hexBytes(bytes) })}\n`,
		);
		return done;
	}
	for (const [at, piece] of pieces.entries()) {
		const extra = piece.length > size ? hexDump(piece.subarray(size)) : [];
		const lines = [
			`${out.strong(`struct ${struct.name}`)}${count > 1 ? ` [${at}]` : ""}${piece.length < size ? `, only ${piece.length} of ${size} bytes` : ""}`,
			...fieldLines(countingLeaves(struct, piece), piece, out).map((line) => `  ${line}`),
			...(extra.length > 0 ? ["  after it:", ...extra.map((line) => `    ${line}`)] : []),
		];
		io.stdout.write(`${lines.join("\n")}\n`);
	}
	return done;
}

const nameArg: Argument = { name: "NAME", value: "struct", doc: "a struct's name (iommu_ may be left out), or a call's" };

const commands: readonly CommandSpec[] = [
	{
		name: "list",
		summary: "list all structs, enums and flag sets",
		args: [{ name: "PATTERN", value: "struct", doc: "only names that contain this", optional: true }],
		examples: [
			["struct list", ""],
			["struct list hwpt", ""],
		],
		run: list,
	},
	{
		name: "show",
		summary: "a struct's fields with offsets and values, or a set's values",
		args: [{ name: "NAME", value: "struct", doc: "a struct's, call's, enum's or flag set's name" }],
		examples: [
			["struct show iommu_ioas_map", ""],
			["struct show iommufd_hwpt_alloc_flags", ""],
		],
		run: show,
	},
	{
		name: "encode",
		summary: "print a struct's bytes, given its fields",
		args: [
			nameArg,
			{
				name: "FIELD=VALUE",
				value: "assignment",
				doc: "fields left out are zero, except the size field, which is the struct's size",
				optional: true,
				variadic: true,
			},
		],
		options: () => [{ flags: "--binary", doc: "write write the bytes themselves, not hex" }],
		examples: [["struct encode ioas_map ioas_id=1 flags=READABLE,WRITEABLE length=4k", ""]],
		run: encode,
	},
	{
		name: "decode",
		summary: "print a struct's fields, given its bytes; or those of an array of structs",
		args: [nameArg, { name: "HEX", doc: "the bytes; spaces are allowed", optional: true, variadic: true }],
		options: () => [{ flags: "--file <file>", value: "file", doc: "the bytes themselves from a file or stdin (-)" }],
		examples: [
			["struct decode iommu_ioas_alloc 0c0000000000000001000000", ""],
			["struct decode hwpt_vtd_s1_invalidate --file entries.bin", ""],
		],
		run: decode,
	},
	checkCommand(findStruct),
	exportCommand,
];

const family: Family = {
	name: "struct",
	details: "What the uAPI's structs look like, as they are declared; no kernel is asked.",
	commands,
};
export default family;
