/** `mem seal`, `truncate`, `userfault` and `serve`: memory files that do not change, and memory whose faults the program serves. */
import {
	type StructType,
	UFFD_API,
	UFFDIO_REGISTER_MODE_MISSING,
	type uffdio_api,
	type uffdio_copy,
	type uffdio_register,
	type uffdio_zeropage,
	userfaultCalls,
} from "../../../../structs/index.js";
import { EnvironmentError } from "../../../kernel/environment-error.js";
import { EPERM } from "../../../kernel/errno.js";
import { isPagingCapable, type Kernel, type PagingCapable, type Ret } from "../../../kernel/kernel.js";
import { SEALS } from "../../../kernel/memory-names.js";
import { bytesGiven, bytesOptions } from "../../call/bytes-option.js";
import { showIo } from "../../call/io-result.js";
import { parseFd, parseLength, parseNumber } from "../../call/natural.js";
import { announce } from "../../frame/announce.js";
import type { CommandSpec, Invocation } from "../../frame/command.js";
import { type Outcome, UsageError } from "../../frame/exit.js";
import { didYouMean } from "../../frame/suggest.js";
import { hex, sizeText } from "../../frame/text.js";

/** A kernel with seals and userfaultfd. */
async function paging({ context }: Invocation): Promise<Kernel & PagingCapable> {
	const kernel = await context.kernel();
	if (!isPagingCapable(kernel)) throw new EnvironmentError("this kernel has no seals and no userfaultfd", "use --kernel sim or real");
	return kernel;
}

async function seal(inv: Invocation): Promise<Outcome> {
	const fd = parseFd(inv.args[0], "FD");
	const words = inv.args[1].toLowerCase().replaceAll("_", "-").split(",");
	const unknown = words.find((word) => !Object.hasOwn(SEALS, word));
	if (unknown !== undefined)
		throw new UsageError(
			`SEALS: "${unknown}" is not a seal`,
			didYouMean(unknown, Object.keys(SEALS)) ?? `${Object.keys(SEALS).join(", ")}, with commas between them`,
		);
	const seals = words.reduce((set, word) => set | SEALS[word], 0);
	await announce(inv);
	const ret = (await paging(inv)).addSeals(fd, seals);
	return await showIo(inv, { command: "mem seal", call: "fcntl", ...plain(ret), headline: `file ${fd} sealed: ${words.join(", ")}` });
}

async function truncate(inv: Invocation): Promise<Outcome> {
	const [fd, length] = [parseFd(inv.args[0], "FD"), parseNumber(inv.args[1], "LENGTH")];
	await announce(inv);
	const ret = (await paging(inv)).truncate(fd, length);
	return await showIo(inv, { command: "mem truncate", call: "ftruncate", ...plain(ret), headline: `file ${fd} has ${sizeText(length)}` });
}

const plain = (ret: Ret): { ret: number; errno: number } => ({ ret: ret < 0 ? -1 : 0, errno: ret < 0 ? -ret : 0 });

type Values<S> = S extends StructType<infer T, infer _P, infer _D> ? Partial<T> : never;

/** Makes an ioctl of a userfaultfd. */
function call<S>(kernel: Kernel, fd: number, { name }: { readonly name: string }, fields: Values<S>): Ret {
	const { request, struct } = userfaultCalls[name as keyof typeof userfaultCalls];
	return kernel.ioctl(fd, request, (struct as StructType).encode(fields as never));
}

async function userfault(inv: Invocation): Promise<Outcome> {
	const [start, len] = [parseNumber(inv.args[0], "ADDRESS"), parseNumber(inv.args[1], "LENGTH")];
	await announce(inv);
	const kernel = await paging(inv);
	const fd = kernel.userfaultfd();
	let made = "userfaultfd";
	let ret = fd;
	if (fd >= 0) {
		made = "UFFDIO_API";
		ret = call<typeof uffdio_api>(kernel, fd, userfaultCalls.UFFDIO_API, { api: UFFD_API });
	}
	if (ret >= 0) {
		made = "UFFDIO_REGISTER";
		ret = call<typeof uffdio_register>(kernel, fd, userfaultCalls.UFFDIO_REGISTER, { start, len, mode: UFFDIO_REGISTER_MODE_MISSING });
	}
	if (ret < 0 && fd >= 0) kernel.close(fd);
	return await showIo(inv, {
		command: "mem userfault",
		call: made,
		ret: ret < 0 ? -1 : fd,
		errno: ret < 0 ? -ret : 0,
		meaning: fd === -EPERM ? "only root may serve the kernel's faults: run as root, or set vm.unprivileged_userfaultfd to 1" : undefined,
		headline: `file ${fd} serves the missing pages of ${sizeText(len)} at ${hex(start)}`,
		value: ret < 0 ? undefined : fd,
		fields: { start, length: len },
	});
}

async function serve(inv: Invocation): Promise<Outcome> {
	const fd = parseFd(inv.args[0], "FD");
	const start = parseNumber(inv.args[1], "ADDRESS");
	const length = parseLength(inv.args[2] ?? "4k", "LENGTH");
	const from = inv.options.from === undefined ? undefined : parseNumber(inv.options.from as string, "--from");
	const bytes = await bytesGiven(inv, length);
	if (from !== undefined && bytes !== undefined)
		throw new UsageError("--from and an option for bytes both give contents", "give one of them");
	if (bytes !== undefined && bytes.length > length)
		throw new UsageError(`${bytes.length} bytes do not fit into ${sizeText(BigInt(length))}`, "give a longer LENGTH, in whole pages");
	await announce(inv);
	const kernel = await paging(inv);
	const len = BigInt(length);
	const zeroes = bytes === undefined && from === undefined;
	let ret: Ret;
	if (from !== undefined) ret = call<typeof uffdio_copy>(kernel, fd, userfaultCalls.UFFDIO_COPY, { dst: start, src: from, len });
	else if (bytes === undefined) ret = call<typeof uffdio_zeropage>(kernel, fd, userfaultCalls.UFFDIO_ZEROPAGE, { start, len });
	else {
		const scratch = await inv.context.scratch();
		const whole = new Uint8Array(length);
		whole.set(bytes);
		const src = scratch.place(whole);
		ret = call<typeof uffdio_copy>(kernel, fd, userfaultCalls.UFFDIO_COPY, { dst: start, src, len });
		scratch.reset();
	}
	return await showIo(inv, {
		command: "mem serve",
		call: zeroes ? "UFFDIO_ZEROPAGE" : "UFFDIO_COPY",
		...plain(ret),
		headline: `${sizeText(len)} at ${hex(start)} served${zeroes ? ", zeroes" : ""}`,
	});
}

const address = { name: "ADDRESS", doc: "in the program's memory" };

/** Of files first. */
export const pagingCommands: readonly CommandSpec[] = [
	{
		name: "seal",
		summary: "seal a memory file: nobody can take a seal off again",
		details: [
			"shrink and grow: its length; write: its contents (EBUSY while a shared mapping may write or a page is pinned); future-write: the same,",
			"but mappings that are there still write; seal: no further seals; exec: whether it can be executed, and so all of it. Pinning through",
			"IOMMU_IOAS_MAP_FILE asks for no seal: devices can be given a sealed file to write.",
		].join("\n"),
		args: [
			{ name: "FD", doc: "the file, as mem memfd answered" },
			{ name: "SEALS", value: { names: Object.keys(SEALS), several: true }, doc: "names with commas between them: shrink,grow,write" },
		],
		groups: ["kernel", "expect"],
		examples: [["mem seal $file shrink,grow", "in a script, after `file = mem memfd 64k`"]],
		run: seal,
	},
	{
		name: "truncate",
		summary: "give a memory file another length",
		args: [
			{ name: "FD", doc: "the file, as mem memfd answered" },
			{ name: "LENGTH", doc: "bytes; what is pinned stays pinned" },
		],
		groups: ["kernel", "expect"],
		examples: [["mem truncate $file 4k", ""]],
		run: truncate,
	},
	{
		name: "userfault",
		summary: "let accesses of missing pages wait until the program serves them (userfaultfd)",
		details: [
			"The answer is the file that mem serve takes. From now on whoever uses a page of the range that is not there yet waits: also a call that",
			"pins it. Another block of `parallel`, or another thread of a litmus test, can serve it. On the simulated kernel a line that nobody can",
			"serve any more fails; on the real one it waits until the script is killed. Closing the file ends the waiting, with zeroes.",
		].join("\n"),
		args: [address, { name: "LENGTH", doc: "bytes, whole pages" }],
		groups: ["kernel", "expect", "quiet"],
		examples: [["mem userfault $memory 64k", ""]],
		run: userfault,
	},
	{
		name: "serve",
		summary: "serve missing pages: with bytes, or zeroes",
		args: [
			{ name: "FD", doc: "the file, as mem userfault answered" },
			{ name: "ADDRESS", doc: "of the first page" },
			{ name: "LENGTH", doc: "bytes, whole pages (4k)", optional: true },
		],
		options: () => [...bytesOptions, { flags: "--from <address>", doc: "the contents of other memory of the program", group: "Bytes:" }],
		groups: ["kernel", "expect"],
		examples: [
			["mem serve $fault $memory", "a page of zeroes"],
			["mem serve $fault $memory 8k --fill 0xaa", ""],
		],
		run: serve,
	},
];
