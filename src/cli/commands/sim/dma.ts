/** `sim dma` and `sim dma-result`: a device reads or writes memory. */
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { EAGAIN, EFAULT, ENOENT } from "../../../kernel/errno.js";
import type { SimControl } from "../../../sim/index.js";
import { showIo } from "../../call/io-result.js";
import { parseHexBytes, parseNumber } from "../../call/natural.js";
import type { CommandSpec, Invocation } from "../../frame/command.js";
import { type Outcome, UsageError } from "../../frame/exit.js";
import { readInput } from "../../frame/io.js";
import { hex, hexBytes, hexDump } from "../../frame/text.js";
import { changing, controlOf, deviceArg, iovaOf, pasidOf } from "./control.js";

type Transfer = Exclude<ReturnType<SimControl["dma"]>, number>;

/** Bytes moved by default, and the most that one command moves. */
const usual = 8;
const most = 64n << 20n;

async function dma(inv: Invocation): Promise<Outcome> {
	const { args, options } = inv;
	if ((options.read === true) === (options.write === true))
		throw new UsageError("a direction is missing, or both are given", "--write: the device writes to memory; --read: it reads");
	const dir = options.write === true ? "write" : "read";
	const iova = iovaOf(inv);
	const pasid = pasidOf(inv);
	const as = { privileged: options.priv === true, execute: options.exec === true, ats: options.ats === true };
	if (as.execute && dir === "write") throw new UsageError("--exec marks a read: a device fetches what it executes", "give --read");
	const data = dir === "write" ? dataToWrite(inv) : new Uint8Array(lengthOf(inv, usual));
	const control = await changing(inv);
	const result = control.dma(args[0], dir, iova, data, pasid, as);
	if (typeof result === "number") return await softwareResult(inv, result, dir, iova, data);
	return await show(inv, "sim dma", result);
}

async function result(inv: Invocation): Promise<Outcome> {
	const control = await controlOf(inv);
	const id = Number(parseNumber(inv.args[0], "the transfer's ID"));
	const transfer = control.transfers.all.get(id);
	if (transfer === undefined) {
		const { ControlError } = await import("../../../sim/index.js");
		throw new ControlError(ENOENT, `there is no transfer ${id}`, "sim dma prints the ID of a transfer that waits");
	}
	return await show(inv, "sim dma-result", transfer);
}

function lengthOf({ options }: Invocation, otherwise: number): number {
	if (options.length === undefined) return otherwise;
	const length = parseNumber(options.length as string, "--length");
	if (length < 1n || length > most) throw new UsageError(`--length: ${length} is not between 1 and ${most} bytes`);
	return Number(length);
}

/** The data, repeated or cut to --length. */
function dataToWrite(inv: Invocation): Uint8Array {
	const { options, io } = inv;
	const given = ["data", "text", "file"].filter((name) => options[name] !== undefined);
	if (given.length > 1) throw new UsageError(`--${given[0]} and --${given[1]} both give the data`, "give one of them");
	let bytes: Uint8Array = new Uint8Array(1);
	if (options.data !== undefined) bytes = parseHexBytes(options.data as string, "--data");
	else if (options.text !== undefined) bytes = Buffer.from(options.text as string);
	else if (options.file !== undefined) bytes = readInput(io, options.file as string, "--file");
	if (bytes.length === 0) throw new UsageError("there is nothing to write", "give at least one byte");
	const data = new Uint8Array(lengthOf(inv, given.length === 0 ? usual : bytes.length));
	for (let at = 0; at < data.length; at += bytes.length) data.set(bytes.subarray(0, Math.min(bytes.length, data.length - at)), at);
	return data;
}

/** A device backed by software: no IOMMU takes part, and the errno is known at once. */
async function softwareResult(inv: Invocation, rc: number, dir: string, iova: bigint, data: Uint8Array): Promise<Outcome> {
	return await showIo(inv, {
		command: "sim dma",
		call: "dma",
		ret: rc < 0 ? -1 : data.length,
		errno: rc < 0 ? -rc : 0,
		headline: `${data.length} bytes ${dir === "write" ? "written to" : "read from"} ${hex(iova)} by software: no IOMMU saw it`,
		lines: rc < 0 || dir === "write" ? [] : hexDump(data, iova).slice(0, 16),
		json: { state: rc < 0 ? "aborted" : "done", data: hexBytes(data) },
	});
}

async function show(inv: Invocation, command: string, transfer: Transfer): Promise<Outcome> {
	const { id, dir, iova, data, done, state, why, record, group, asked, device, pasid, as } = transfer;
	// a transfer that waits is a success of `sim dma`, and EAGAIN only for `sim dma-result`
	const pending = state === "waiting" || state === "held";
	const errno = state === "aborted" ? EFAULT : pending && command === "sim dma-result" ? EAGAIN : 0;
	const moved = `${done} of ${data.length} bytes ${dir === "write" ? "written to" : "read from"} ${hex(iova)}`;
	const stopped = state === "waiting" ? `waits for page request group ${group}` : "waits until it may send a page request";
	const lines = [
		...(pending
			? [`at ${hex(iova + BigInt(done))}`, "fault read, then fault respond, let it continue; sim dma-result shows how it ended"]
			: []),
		...(state === "aborted" ? [`${moved}; aborted at ${hex(iova + BigInt(done))}: ${why}`] : []),
		...(record === undefined ? [] : [`event record ${hexBytes(record)}`]),
		...(dir === "read" && state === "done" ? shownData(data, iova) : []),
		...((as.privileged || as.execute) && pasid === undefined && device.part === undefined ? [NO_PREFIX] : []),
	];
	const file = inv.options.file as string | undefined;
	if (dir === "read" && state === "done" && file !== undefined) writeFileSync(resolve(inv.io.cwd, file), data);
	const word = data.length >= 8 ? 8 : data.length;
	return await showIo(inv, {
		command,
		call: "dma",
		ret: state === "aborted" ? -1 : done,
		errno,
		headline: pending
			? `transfer ${id} ${stopped} (${moved})`
			: `${moved}${asked > 0 ? `, after ${asked} page request${asked > 1 ? "s" : ""}` : ""}`,
		lines,
		json: {
			transfer: id,
			device: device.name,
			direction: dir,
			pasid: pasid ?? null,
			privileged: as.privileged === true,
			execute: as.execute === true,
			ats: as.ats === true,
			iova: hex(iova),
			length: data.length,
			moved: done,
			state,
			group: group ?? null,
			pageRequests: asked,
			why: why ?? null,
			record: record === undefined ? null : hexBytes(record),
			data: dir === "read" ? hexBytes(data.subarray(0, done)) : null,
		},
		value: id,
		fields: {
			moved: done,
			group: group ?? 0,
			data: Buffer.from(data.subarray(0, word)).reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n),
		},
	});
}

const NO_PREFIX = "PCIe marks requests as privileged and for execution in the PASID prefix only: with --pasid a real device can do this";

function shownData(data: Uint8Array, iova: bigint): string[] {
	const lines = hexDump(data.subarray(0, 256), iova);
	return data.length > 256 ? [...lines, `and ${data.length - 256} more bytes (--json or --file has all)`] : lines;
}

export const dmaCommands: readonly CommandSpec[] = [
	{
		name: "dma",
		summary: "a device reads or writes memory through what it is attached to",
		details: [
			"The access is translated as the IOMMU does it: by the kernel's table, or by the guest's tables in guest memory on top of it,",
			"and by what is cached of them. If the device has PRI (or stalls) and the page table has a fault queue, a miss becomes a page",
			"request: the transfer waits, and the response lets it continue or aborts it. Aborted DMA fails with EFAULT.",
		].join("\n"),
		args: [deviceArg],
		options: () => [
			{ flags: "--iova <address>", doc: "where the access starts" },
			{ flags: "--length <bytes>", doc: "how many bytes (8, or all of the data)" },
			{ flags: "--write", doc: "from the device to memory" },
			{ flags: "--read", doc: "from memory to the device" },
			{ flags: "--pasid <pasid>", doc: "the transactions carry this PASID" },
			{ flags: "--priv", doc: "the requests are privileged (PCIe: Privileged Mode Requested; SMMUv3: PnU)" },
			{ flags: "--exec", doc: "the reads are for execution (PCIe: Execute Requested; SMMUv3: InD)" },
			{ flags: "--ats", doc: "the device asks for the translation first, even where ATS is not enabled for it" },
			{ flags: "--data <hex>", doc: "what is written, repeated up to --length" },
			{ flags: "--text <text>", doc: "the same, as text" },
			{ flags: "--file <file>", value: "file", doc: "what is written; for a read, where the data goes" },
		],
		groups: ["kernel", "expect", "quiet"],
		examples: [
			["sim dma vfio0 --iova 0x1000 --write --data c0ffee --length 4k", "fills a page"],
			["sim dma vfio3 --iova 0x7f0000001000 --read --length 64 --pasid 5", "through the table of PASID 5"],
			["sim dma vfio0 --iova 0xdead000 --read --expect EFAULT", "a fault, as the IOMMU reports it"],
			["sim dma vfio3 --iova 0x1000 --read --priv --exec --pasid 5", "a supervisor's instruction fetch"],
		],
		run: dma,
	},
	{
		name: "dma-result",
		summary: "how DMA that had to wait for page requests is doing",
		details: "EAGAIN while it still waits, EFAULT if it was aborted.",
		args: [{ name: "TRANSFER", doc: "the ID that sim dma printed" }],
		options: () => [{ flags: "--file <file>", value: "file", doc: "where the data of a read goes" }],
		groups: ["kernel", "expect", "quiet"],
		examples: [["sim dma-result $transfer", "in a script, after fault respond"]],
		run: result,
	},
];
