/** `mem`: memory of the program, to map and to look at. */
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { PROT_READ, PROT_WRITE } from "../../../kernel/kernel.js";
import { bytesGiven, bytesOptions } from "../../call/bytes-option.js";
import { showIo } from "../../call/io-result.js";
import { parseFd, parseLength, parseNumber } from "../../call/natural.js";
import { announce } from "../../frame/announce.js";
import type { CommandSpec, Family, Invocation } from "../../frame/command.js";
import { type Outcome, UsageError } from "../../frame/exit.js";
import { hex, hexBytes, hexDump, sizeText } from "../../frame/text.js";

async function alloc(inv: Invocation): Promise<Outcome> {
	const { options, context } = inv;
	const length = parseNumber(inv.args[0], "LENGTH");
	const addr = options.at === undefined ? 0n : parseNumber(options.at as string, "--at");
	const prot = protection((options.prot as string | undefined) ?? "rw");
	if (options.memfd !== undefined && options.iommu) throw new UsageError("--memfd and --iommu both give the file", "give one of them");
	const file = options.memfd === undefined ? undefined : parseFd(options.memfd as string, "--memfd");
	const offset = options.offset === undefined ? undefined : parseNumber(options.offset as string, "--offset");
	if (offset !== undefined && file === undefined && !options.iommu)
		throw new UsageError("--offset is an offset in a file", "give the file by --memfd or --iommu");
	await announce(inv);
	const fd = options.iommu ? await context.iommu() : file;
	const got = (await context.kernel()).mmap({ addr, length, prot, fd, offset });
	if (got >= 0n) context.regions.set(got, { addr: got, length, what: "mem alloc" });
	return await showIo(inv, {
		command: "mem alloc",
		call: "mmap",
		ret: got < 0n ? -1 : got,
		errno: got < 0n ? Number(-got) : 0,
		headline: `${sizeText(length)} at ${hex(got)}`,
		json: { address: hex(got < 0n ? 0n : got), length: hex(length) },
		value: got < 0n ? undefined : got,
		fields: { length },
	});
}

function protection(text: string): number {
	if (!/^r?w?$/.test(text)) throw new UsageError(`--prot: "${text}" is not a protection`, "give r, w or rw");
	return (text.includes("r") ? PROT_READ : 0) | (text.includes("w") ? PROT_WRITE : 0);
}

async function memfd(inv: Invocation): Promise<Outcome> {
	const length = parseNumber(inv.args[0], "LENGTH");
	await announce(inv);
	const ret = (await inv.context.kernel()).memfd((inv.options.name as string | undefined) ?? "iommuctl", length);
	return await showIo(inv, {
		command: "mem memfd",
		call: "memfd_create",
		ret: ret < 0 ? -1 : ret,
		errno: ret < 0 ? -ret : 0,
		headline: `file ${ret} of ${sizeText(length)}`,
		value: ret < 0 ? undefined : ret,
		fields: { length },
	});
}

async function read(inv: Invocation): Promise<Outcome> {
	const addr = parseNumber(inv.args[0], "ADDRESS");
	const length = parseLength(inv.args[1], "LENGTH");
	await announce(inv);
	const bytes = new Uint8Array(length);
	const ret = (await inv.context.kernel()).peek(addr, bytes);
	const out = inv.options.out as string | undefined;
	if (ret >= 0 && out !== undefined) {
		try {
			writeFileSync(resolve(inv.io.cwd, out), bytes);
		} catch (error) {
			throw new UsageError(`--out: ${out} cannot be written: ${(error as NodeJS.ErrnoException).code}`);
		}
	}
	return await showIo(inv, {
		command: "mem read",
		call: "peek",
		ret: ret < 0 ? -1 : 0,
		errno: ret < 0 ? -ret : 0,
		headline: `${sizeText(BigInt(length))} at ${hex(addr)}${out === undefined ? "" : ` written to ${out}`}`,
		lines: ret < 0 || out !== undefined ? [] : hexDump(bytes, addr),
		json: ret < 0 ? {} : { address: hex(addr), data: hexBytes(bytes) },
	});
}

async function write(inv: Invocation): Promise<Outcome> {
	const addr = parseNumber(inv.args[0], "ADDRESS");
	const length = inv.options.length === undefined ? undefined : parseLength(inv.options.length as string, "--length");
	const bytes = await bytesGiven(inv.args[1] === undefined ? inv : { ...inv, options: { ...inv.options, data: inv.args[1] } }, length);
	if (!bytes) throw new UsageError("the bytes are missing", "give them in hex, or by --text, --file or --fill");
	await announce(inv);
	const ret = (await inv.context.kernel()).poke(addr, bytes);
	return await showIo(inv, {
		command: "mem write",
		call: "poke",
		ret: ret < 0 ? -1 : 0,
		errno: ret < 0 ? -ret : 0,
		headline: `${sizeText(BigInt(bytes.length))} written at ${hex(addr)}`,
		json: { address: hex(addr), length: bytes.length },
	});
}

async function free(inv: Invocation): Promise<Outcome> {
	const { context } = inv;
	const addr = parseNumber(inv.args[0], "ADDRESS");
	const length = inv.args[1] === undefined ? context.regions.get(addr)?.length : parseNumber(inv.args[1], "LENGTH");
	if (length === undefined)
		throw new UsageError(`nothing was allocated at ${hex(addr)}, so its length is not known`, "give the length too");
	await announce(inv);
	const ret = (await context.kernel()).munmap(addr, length);
	if (ret >= 0) context.regions.delete(addr);
	return await showIo(inv, {
		command: "mem free",
		call: "munmap",
		ret: ret < 0 ? -1 : 0,
		errno: ret < 0 ? -ret : 0,
		headline: `${sizeText(length)} at ${hex(addr)} freed`,
	});
}

const address = { name: "ADDRESS", doc: "in the program's memory" };

const commands: readonly CommandSpec[] = [
	{
		name: "alloc",
		summary: "allocate zeroed memory, or map a memory file or a driver's pages",
		args: [{ name: "LENGTH", doc: "bytes, rounded up to pages" }],
		options: () => [
			{ flags: "--at <address>", doc: "exactly at this address (EEXIST if something is mapped there)" },
			{ flags: "--prot <rw>", value: { names: ["r", "w", "rw"] }, doc: "what the program may do: r, w or rw (rw)" },
			{ flags: "--memfd <fd>", doc: "map this file's memory, shared" },
			{ flags: "--iommu", doc: "map what a driver offers at --offset of /dev/iommu: the registers of a virtual IOMMU" },
			{ flags: "--offset <bytes>", doc: "where in the file" },
		],
		groups: ["kernel", "expect", "quiet"],
		examples: [
			["mem alloc 1M --at 0x200000000", ""],
			["mem alloc 64k --memfd $file", "in a script, after `file = mem memfd 64k`"],
			["mem alloc 64k --iommu --offset 0x1000", "as viommu alloc --tegra241 answered"],
		],
		run: alloc,
	},
	{
		name: "memfd",
		summary: "make a memory file",
		args: [{ name: "LENGTH", doc: "bytes" }],
		options: () => [{ flags: "--name <name>", doc: "as /proc shows it" }],
		groups: ["kernel", "expect", "quiet"],
		examples: [["mem memfd 1M", "its file, for ioas map-file"]],
		run: memfd,
	},
	{
		name: "read",
		summary: "show memory",
		args: [address, { name: "LENGTH", doc: "bytes" }],
		options: () => [{ flags: "--out <file>", value: "file", doc: "write the bytes to a file instead" }],
		groups: ["kernel", "expect"],
		examples: [["mem read $buffer 64", ""]],
		run: read,
	},
	{
		name: "write",
		summary: "write memory",
		args: [address, { name: "HEX", doc: "the bytes", optional: true }],
		options: () => [
			...bytesOptions.filter(({ flags }) => !flags.startsWith("--data")),
			{ flags: "--length <n>", doc: "for --fill", group: "Bytes:" },
		],
		groups: ["kernel", "expect"],
		examples: [
			["mem write $buffer deadbeef", ""],
			["mem write $buffer --text hello", ""],
			["mem write $buffer --fill 0xaa --length 4k", ""],
		],
		run: write,
	},
	{
		name: "free",
		summary: "give memory back",
		args: [address, { name: "LENGTH", doc: "bytes; if not given, what was allocated there", optional: true }],
		groups: ["kernel", "expect"],
		examples: [["mem free $buffer", ""]],
		run: free,
	},
];

const family: Family = {
	name: "mem",
	details: "A program's memory, to map and to look at. It lives as long as the program: use these in a script (iommuctl run).",
	commands,
};
export default family;
