/** Finds the type information to compare with: the running kernel's, or a file's. */
import type { ConstSet, StructType } from "../../structs/index.js";
import { type LayoutDifference, setDifferences, structDifferences } from "./compare.js";
import { elfSection, isElf } from "./elf.js";
import { Btf, BtfError } from "./parse.js";

const FOLDER = "/sys/kernel/btf";
/** Modules that may have iommufd's and VFIO's structs. */
const MODULES = /^(?:iommufd|vfio)/;

/** Reads files; undefined, or nothing, for what cannot be read. */
export interface BtfReader {
	readonly read: (path: string) => Uint8Array | undefined;
	readonly list: (path: string) => readonly string[];
}

/** One file's types. */
export interface BtfFile {
	readonly path: string;
	readonly btf: Btf;
}

/** The running kernel's types and those of its modules; empty if it has none. @throws BtfError */
export function runningKernel({ read, list }: BtfReader): BtfFile[] {
	const path = `${FOLDER}/vmlinux`;
	const bytes = read(path);
	if (bytes === undefined) return [];
	const base = new Btf(bytes);
	const modules = list(FOLDER)
		.filter((name) => MODULES.test(name))
		.flatMap((name) => {
			const own = read(`${FOLDER}/${name}`);
			return own === undefined ? [] : [{ path: `${FOLDER}/${name}`, btf: new Btf(own, base) }];
		});
	return [{ path, btf: base }, ...modules];
}

/**
 * The types of a file: BTF as /sys/kernel/btf has it, or an ELF file with a section .BTF. A module's builds on a base: the one
 * that is given, its own section .BTF.base, or vmlinux beside it in /sys/kernel/btf.
 * @throws BtfError
 */
export function btfOf(path: string, bytes: Uint8Array, base: Uint8Array | undefined, { read }: Pick<BtfReader, "read">): BtfFile {
	const own = sectionOf(bytes, ".BTF");
	if (own === undefined) throw new BtfError("it has no section .BTF: it was built without CONFIG_DEBUG_INFO_BTF");
	const beside = path.startsWith(`${FOLDER}/`) && path !== `${FOLDER}/vmlinux` ? read(`${FOLDER}/vmlinux`) : undefined;
	const found = base ?? (isElf(bytes) ? elfSection(bytes, ".BTF.base") : undefined) ?? beside;
	const under = found && sectionOf(found, ".BTF");
	return { path, btf: new Btf(own, under && new Btf(under)) };
}

const sectionOf = (bytes: Uint8Array, name: string): Uint8Array | undefined => (isElf(bytes) ? elfSection(bytes, name) : bytes);

/** The first answer that one of the files has. */
function first(files: readonly BtfFile[], differences: (btf: Btf) => LayoutDifference[] | undefined): LayoutDifference[] | undefined {
	for (const { btf } of files) {
		const found = differences(btf);
		if (found !== undefined) return found;
	}
	return undefined;
}

/** Where a struct differs from that of the first file which has it; undefined if none has. @throws BtfError */
export const checkStruct = (files: readonly BtfFile[], type: StructType): LayoutDifference[] | undefined =>
	first(files, (btf) => structDifferences(btf, type));

/** The same for an enum. @throws BtfError */
export const checkSet = (files: readonly BtfFile[], set: ConstSet): LayoutDifference[] | undefined =>
	first(files, (btf) => setDifferences(btf, set));
