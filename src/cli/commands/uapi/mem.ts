/** `mem`: memory of the program, to map and to look at. */
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { EnvironmentError } from "../../../kernel/environment-error.js";
import { isReshapeCapable, type Kernel, PROT_READ, PROT_WRITE, type ReshapeCapable } from "../../../kernel/kernel.js";
import { ADVICE } from "../../../kernel/memory-names.js";
import { bytesGiven, bytesOptions } from "../../call/bytes-option.js";
import { showIo } from "../../call/io-result.js";
import { parseFd, parseLength, parseNumber } from "../../call/natural.js";
import { announce } from "../../frame/announce.js";
import type { CommandSpec, Family, Invocation } from "../../frame/command.js";
import { type Outcome, UsageError } from "../../frame/exit.js";
import { didYouMean } from "../../frame/suggest.js";
import { hex, hexBytes, hexDump, sizeText } from "../../frame/text.js";
import { hugeMeaning, hugeOption, hugeSize, wholePages } from "./mem-huge.js";
import { pagingCommands } from "./mem-paging.js";

async function alloc(inv: Invocation): Promise<Outcome> {
	const { options, context } = inv;
	const length = parseNumber(inv.args[0], "LENGTH");
	const addr = options.at === undefined ? 0n : parseNumber(options.at as string, "--at");
	const prot = protection((options.prot as string | undefined) ?? "rw");
	if (options.memfd !== undefined && options.iommu) throw new UsageError("--memfd and --iommu both give the file", "give one of them");
	const file = options.memfd === undefined ? undefined : parseFd(options.memfd as string, "--memfd");
	const pageSize = options.huge === undefined ? undefined : hugeSize(options.huge as string);
	if (pageSize !== undefined && (options.memfd !== undefined || options.iommu))
		throw new UsageError("--huge is for memory of no file", "a file in huge pages: mem memfd LENGTH --huge SIZE");
	const populate = options.populate === true;
	const offset = options.offset === undefined ? undefined : parseNumber(options.offset as string, "--offset");
	if (offset !== undefined && file === undefined && !options.iommu)
		throw new UsageError("--offset is an offset in a file", "give the file by --memfd or --iommu");
	await announce(inv);
	const fd = options.iommu ? await context.iommu() : file;
	const kernel = await context.kernel();
	const got = kernel.mmap({ addr, length, prot, fd, offset, pageSize, populate });
	if (got >= 0n) context.regions.set(got, { addr: got, length: wholePages(length, pageSize), what: "mem alloc" });
	return await showIo(inv, {
		command: "mem alloc",
		call: "mmap",
		ret: got < 0n ? -1 : got,
		errno: got < 0n ? Number(-got) : 0,
		meaning: hugeMeaning(kernel, got, pageSize),
		headline: `${sizeText(length)} at ${hex(got)}`,
		json: { address: hex(got < 0n ? 0n : got), length: hex(length) },
		value: got < 0n ? undefined : got,
		fields: { length },
	});
}

function protection(text: string, where = "--prot"): number {
	if (text === "none") return 0;
	if (!/^(?:r|w|rw)$/.test(text)) throw new UsageError(`${where}: "${text}" is not a protection`, "give r, w, rw or none");
	return (text.includes("r") ? PROT_READ : 0) | (text.includes("w") ? PROT_WRITE : 0);
}

async function memfd(inv: Invocation): Promise<Outcome> {
	const length = parseNumber(inv.args[0], "LENGTH");
	const pageSize = inv.options.huge === undefined ? undefined : hugeSize(inv.options.huge as string);
	await announce(inv);
	const kernel = await inv.context.kernel();
	const ret = kernel.memfd((inv.options.name as string | undefined) ?? "iommuctl", length, pageSize);
	return await showIo(inv, {
		command: "mem memfd",
		call: "memfd_create",
		ret: ret < 0 ? -1 : ret,
		errno: ret < 0 ? -ret : 0,
		meaning: hugeMeaning(kernel, BigInt(ret), pageSize),
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

/** A kernel on which mapped memory can be changed. */
async function reshapeable({ context }: Invocation): Promise<Kernel & ReshapeCapable> {
	const kernel = await context.kernel();
	if (!isReshapeCapable(kernel)) throw new EnvironmentError("this kernel cannot change memory that is mapped", "use --kernel sim or real");
	return kernel;
}

async function protect(inv: Invocation): Promise<Outcome> {
	const [addr, length] = [parseNumber(inv.args[0], "ADDRESS"), parseNumber(inv.args[1], "LENGTH")];
	const prot = protection(inv.args[2], "PROT");
	await announce(inv);
	const ret = (await reshapeable(inv)).mprotect(addr, length, prot);
	const headline = `${sizeText(length)} at ${hex(addr)}: ${inv.args[2]}`;
	return await showIo(inv, { command: "mem protect", call: "mprotect", ret: ret < 0 ? -1 : 0, errno: ret < 0 ? -ret : 0, headline });
}

async function advise(inv: Invocation): Promise<Outcome> {
	const [addr, length] = [parseNumber(inv.args[0], "ADDRESS"), parseNumber(inv.args[1], "LENGTH")];
	const word = inv.args[2].toLowerCase();
	if (!Object.hasOwn(ADVICE, word))
		throw new UsageError(`ADVICE: "${inv.args[2]}" is not known`, didYouMean(word, Object.keys(ADVICE)) ?? Object.keys(ADVICE).join(", "));
	await announce(inv);
	const ret = (await reshapeable(inv)).madvise(addr, length, ADVICE[word]);
	const headline = `${sizeText(length)} at ${hex(addr)}: ${word}`;
	return await showIo(inv, { command: "mem advise", call: "madvise", ret: ret < 0 ? -1 : 0, errno: ret < 0 ? -ret : 0, headline });
}

async function remap(inv: Invocation): Promise<Outcome> {
	const { context, options } = inv;
	const [addr, length] = [parseNumber(inv.args[0], "ADDRESS"), parseNumber(inv.args[1], "LENGTH")];
	const newLength = inv.args[2] === undefined ? length : parseNumber(inv.args[2], "NEW");
	const to = options.to === undefined ? 0n : parseNumber(options.to as string, "--to");
	await announce(inv);
	const got = (await reshapeable(inv)).mremap(addr, length, newLength, to);
	if (got >= 0n) {
		context.regions.delete(addr);
		context.regions.set(got, { addr: got, length: newLength, what: "mem remap" });
	}
	return await showIo(inv, {
		command: "mem remap",
		call: "mremap",
		ret: got < 0n ? -1 : got,
		errno: got < 0n ? Number(-got) : 0,
		headline: `${sizeText(newLength)} at ${hex(got)}`,
		json: { address: hex(got < 0n ? 0n : got), length: hex(newLength) },
		value: got < 0n ? undefined : got,
		fields: { length: newLength },
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
			{ flags: "--prot <rw>", value: { names: ["r", "w", "rw", "none"] }, doc: "what the program may do: r, w, rw or none (rw)" },
			{ flags: "--memfd <fd>", doc: "map this file's memory, shared" },
			{ flags: "--iommu", doc: "map what a driver offers at --offset of /dev/iommu: the registers of a virtual IOMMU" },
			{ flags: "--offset <bytes>", doc: "where in the file" },
			hugeOption,
			{ flags: "--populate", doc: "bring the pages in at once (MAP_POPULATE)" },
		],
		groups: ["kernel", "expect", "quiet"],
		examples: [
			["mem alloc 4M --huge 2M", ""],
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
		options: () => [{ flags: "--name <name>", doc: "as /proc shows it" }, hugeOption],
		groups: ["kernel", "expect", "quiet"],
		examples: [
			["mem memfd 1M", "its file, for ioas map-file"],
			["mem memfd 2G --huge 1G", ""],
		],
		run: memfd,
	},
	...pagingCommands.slice(0, 2),
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
		name: "protect",
		summary: "change what the program may do with memory",
		args: [
			address,
			{ name: "LENGTH", doc: "bytes, rounded up to pages" },
			{ name: "PROT", value: { names: ["r", "w", "rw", "none"] }, doc: "r, w, rw or none" },
		],
		groups: ["kernel", "expect"],
		examples: [["mem protect $buffer 4k none", "pinning it is EFAULT from then on"]],
		run: protect,
	},
	{
		name: "advise",
		summary: "tell the kernel how memory is used",
		details: [
			"dontneed gives private memory new pages of zeroes; what is pinned keeps the old ones. populate-read and populate-write bring pages",
			"in. The others change nothing that the simulated kernel shows.",
		].join("\n"),
		args: [
			address,
			{ name: "LENGTH", doc: "bytes, rounded up to pages" },
			{ name: "ADVICE", value: { names: Object.keys(ADVICE) }, doc: "dontneed, populate-write and so on: MADV_ names in small letters" },
		],
		groups: ["kernel", "expect"],
		examples: [["mem advise $buffer 4k dontneed", ""]],
		run: advise,
	},
	{
		name: "remap",
		summary: "move memory, or change its length",
		args: [
			address,
			{ name: "LENGTH", doc: "bytes that are there" },
			{ name: "NEW", doc: "the new length in bytes; if not given, the same", optional: true },
		],
		options: () => [{ flags: "--to <address>", doc: "exactly there, over what the program has there (else in place, or anywhere)" }],
		groups: ["kernel", "expect", "quiet"],
		examples: [
			["mem remap $buffer 4k 64k", ""],
			["mem remap $buffer 4k --to 0x200000000", ""],
		],
		run: remap,
	},
	...pagingCommands.slice(2),
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
