/** `struct check`: the declared layouts against the kernel's type information. */
import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { allSets, allStructs, type ConstSet, enumByName, StructType, setInfo } from "../../../../structs/index.js";
import type { BtfFile, LayoutDifference } from "../../../btf/index.js";
import { EnvironmentError } from "../../../kernel/environment-error.js";
import type { CommandSpec, Invocation } from "../../frame/command.js";
import { done, exitCode, type Outcome, UsageError } from "../../frame/exit.js";
import { readInput } from "../../frame/io.js";

/** A struct or an enum, and what was found of it; without differences: it is not there. */
interface Checked {
	readonly name: string;
	readonly kind: "struct" | "enum";
	readonly differences: readonly LayoutDifference[] | undefined;
}

type Find = (name: string) => StructType;

function quietly<T>(look: () => T): T | undefined {
	try {
		return look();
	} catch {
		return undefined;
	}
}

async function filesOf({ options, io }: Invocation): Promise<BtfFile[]> {
	const { BtfError, btfOf, runningKernel } = await import("../../../btf/index.js");
	const reader = {
		read: (path: string) => quietly(() => readFileSync(path)),
		list: (path: string) => quietly(() => readdirSync(path)) ?? [],
	};
	const { btf: file = true, btfBase } = options as { btf?: string | boolean; btfBase?: string };
	if (typeof file === "boolean") {
		if (btfBase !== undefined) throw new UsageError("--btf-base is for a file", "give the file by --btf");
		return runningKernel(reader);
	}
	try {
		const base = btfBase === undefined ? undefined : readInput(io, btfBase, "--btf-base");
		return [btfOf(resolve(io.cwd, file), readInput(io, file, "--btf"), base, reader)];
	} catch (error) {
		if (!(error instanceof BtfError)) throw error;
		throw new UsageError(`${file}: ${error.message}`, "a file as in /sys/kernel/btf, a vmlinux, or a module with --btf-base vmlinux");
	}
}

async function check(inv: Invocation, find: Find): Promise<Outcome> {
	const { args, common, io, out } = inv;
	const { BtfError, checkSet, checkStruct, differenceText } = await import("../../../btf/index.js");
	const files = await filesOf(inv);
	if (files.length === 0)
		throw new EnvironmentError(
			"this kernel has no /sys/kernel/btf/vmlinux",
			"it was built without CONFIG_DEBUG_INFO_BTF; give a file by --btf",
		);
	const named = args.map((name) => enumByName(name) ?? find(name));
	const wanted: readonly (StructType | ConstSet)[] =
		named.length > 0 ? named : [...allStructs().filter(({ proposal }) => !proposal), ...allSets().filter((set) => !setInfo(set).derived)];
	let checked: Checked[];
	try {
		checked = wanted.map((one) => {
			if (isStruct(one)) return { name: one.name, kind: "struct", differences: checkStruct(files, one) };
			return { name: setInfo(one).name, kind: "enum", differences: checkSet(files, one) };
		});
	} catch (error) {
		if (!(error instanceof BtfError)) throw error;
		throw new UsageError(`${files[0].path}: ${error.message}`, "a module's types need those of its kernel: --btf-base");
	}
	const differing = checked.filter(({ differences }) => differences !== undefined && differences.length > 0);
	const absent = checked.filter(({ differences }) => differences === undefined);
	const same = checked.length - differing.length - absent.length;
	const missing = named.length > 0 ? absent : [];
	const exit = differing.length + missing.length > 0 ? exitCode.failed : exitCode.done;
	if (absent.length === checked.length && named.length === 0) {
		throw new EnvironmentError(
			`${files.map(({ path }) => path).join(", ")}: none of the structs is there`,
			"the kernel was built without iommufd, or its module is not loaded: modprobe iommufd",
		);
	}
	if (common.json) {
		const document = {
			schema: "iommuctl.struct-check",
			version: 1,
			files: files.map(({ path, btf }) => ({ file: path, types: btf.count })),
			ok: exit === exitCode.done,
			checked: checked.map(({ name, kind, differences }) => ({
				name,
				kind,
				result: differences === undefined ? "absent" : differences.length === 0 ? "same" : "differs",
				differences: (differences ?? []).map((one) => ({
					name: one.name ?? null,
					what: one.what,
					declared: one.declared ?? null,
					there: one.there ?? null,
				})),
			})),
		};
		io.stdout.write(`${JSON.stringify(document)}\n`);
		return { ...done, exit };
	}
	const lines = [
		...differing.flatMap(({ name, kind, differences = [] }) => [
			`${out.bad("differs")}  ${kind} ${name}`,
			...differences.map((one) => `    ${differenceText(one)}`),
		]),
		...missing.map(({ name, kind }) => `${out.bad("absent")}  ${kind} ${name}`),
		`${files.map(({ path }) => path).join(", ")}: ${same} as declared, ${differing.length} not, ${absent.length} not there`,
	];
	io.stdout.write(`${lines.join("\n")}\n`);
	return { ...done, exit };
}

const isStruct = (one: StructType | ConstSet): one is StructType => one instanceof StructType;

/** @param find the struct of a name as people type it */
export const checkCommand = (find: Find): CommandSpec => ({
	name: "check",
	summary: "compare structs and enums with the kernel's own type information (BTF)",
	details: [
		"Looks up each struct and enum in /sys/kernel/btf/vmlinux and in its modules iommufd* and vfio*, and says where size, offsets, bit fields or",
		"values differ. A kernel that is older than a struct has a shorter one. Kernels keep only the enums that they use by name.",
		"Exit 0 if all that is there is as declared, 1 if something differs or is not there though it was named, 3 if there is no BTF.",
	].join("\n"),
	args: [{ name: "NAME", value: "struct", doc: "only these; all if none is named", optional: true, variadic: true }],
	options: () => [
		{ flags: "--btf [file]", doc: "the running kernel's types, as without it; or a file's: as in /sys/kernel/btf, or a vmlinux" },
		{ flags: "--btf-base <file>", value: "file", doc: "the types that those of a module build on: its vmlinux" },
	],
	examples: [
		["struct check", "the running kernel"],
		["struct check iommu_hwpt_alloc --btf build/vmlinux", "a kernel that was built"],
	],
	run: (inv) => check(inv, find),
});
