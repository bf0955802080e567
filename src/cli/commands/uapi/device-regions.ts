/** `device read` and `device write`: the regions of a VFIO device, by pread and pwrite on its file. */
import { bytesGiven, bytesOptions } from "../../call/bytes-option.js";
import { showIo } from "../../call/io-result.js";
import { parseLength, parseNumber } from "../../call/natural.js";
import { announce } from "../../frame/announce.js";
import type { Argument, CommandSpec, Invocation } from "../../frame/command.js";
import { type Outcome, UsageError } from "../../frame/exit.js";
import { hex, hexBytes, hexDump } from "../../frame/text.js";

/** The regions of a PCI device, by their index. */
const REGIONS = ["bar0", "bar1", "bar2", "bar3", "bar4", "bar5", "rom", "config"];
/** Where in the file a region begins, as vfio-pci has it: its index, above this many bits. */
const REGION_SHIFT = 40n;
const regionArg: Argument = { name: "REGION", doc: `one of ${REGIONS.join(", ")}` };
const offsetArg: Argument = { name: "OFFSET", doc: "where in the region (bytes)" };
const split = (ret: number) => ({ ret: ret < 0 ? -1 : ret, errno: ret < 0 ? -ret : 0 });

/** The place in the device's file that a command names. */
function placeOf({ args }: Invocation): { readonly name: string; readonly at: bigint; readonly offset: bigint } {
	const name = args[1].toLowerCase();
	const index = REGIONS.indexOf(name);
	if (index < 0) throw new UsageError(`REGION: "${args[1]}" is not a region`, `the regions are ${REGIONS.join(", ")}`);
	const at = parseNumber(args[2], "OFFSET");
	if (at >> REGION_SHIFT !== 0n) throw new UsageError(`OFFSET: ${args[2]} is beyond every region`);
	return { name, at, offset: (BigInt(index) << REGION_SHIFT) + at };
}

async function read(inv: Invocation, path: string): Promise<Outcome> {
	const { name, at, offset } = placeOf(inv);
	const bytes = new Uint8Array(inv.args[3] === undefined ? 4 : parseLength(inv.args[3], "LENGTH"));
	await announce(inv);
	const fd = await inv.context.deviceFile(path);
	const ret = fd < 0 ? fd : (await inv.context.kernel()).pread(fd, bytes, offset);
	const got = bytes.subarray(0, Math.max(ret, 0));
	const value = got.length === 0 || got.length > 8 ? undefined : got.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
	return await showIo(inv, {
		command: "device read",
		call: "pread",
		...split(ret),
		headline: `${name} ${hex(at)}: ${value === undefined ? `${ret} bytes read` : hex(value)}`,
		lines: value === undefined ? hexDump(got, at) : [],
		json: { region: name, offset: hex(at), data: hexBytes(got) },
		value,
		fields: { length: Math.max(ret, 0) },
	});
}

async function write(inv: Invocation, path: string): Promise<Outcome> {
	const { name, at, offset } = placeOf(inv);
	const value = inv.args[3];
	const length = inv.options.length === undefined ? undefined : parseLength(inv.options.length as string, "--length");
	const bytes = value === undefined ? await bytesGiven(inv, length) : littleEndian(parseNumber(value, "VALUE"), length ?? 4);
	if (!bytes) throw new UsageError("the bytes are missing", "give a VALUE, or --data, --text, --file or --fill");
	await announce(inv);
	const fd = await inv.context.deviceFile(path);
	const ret = fd < 0 ? fd : (await inv.context.kernel()).pwrite(fd, bytes, offset);
	return await showIo(inv, {
		command: "device write",
		call: "pwrite",
		...split(ret),
		headline: `${name} ${hex(at)}: ${ret} bytes written`,
	});
}

function littleEndian(value: bigint, length: number): Uint8Array {
	if (![1, 2, 4, 8].includes(length))
		throw new UsageError(`--length: a register of ${length} bytes has no VALUE`, "give 1, 2, 4 or 8, or the bytes by --data");
	if (value >> BigInt(8 * length) !== 0n) throw new UsageError(`VALUE: ${value} does not fit into ${length} bytes`, "give --length 8");
	return new Uint8Array(BigUint64Array.of(value).buffer).slice(0, length);
}

/** `pathOf`: the path of the file of the device that a command names. */
export function regionCommands(deviceArg: Argument, pathOf: (inv: Invocation) => string): readonly CommandSpec[] {
	return [
		{
			name: "read",
			summary: "read a region of a device: its registers, its configuration space",
			details: "The device must be bound. Up to 8 bytes are shown as a number (the lowest byte first), more as bytes.",
			args: [deviceArg, regionArg, offsetArg, { name: "LENGTH", doc: "bytes (4)", optional: true }],
			groups: ["kernel", "expect", "quiet"],
			examples: [
				["device read vfio0 config 6 2", "PCI_STATUS; in a script, after `device bind vfio0`"],
				["device read vfio0 bar0 0x24", "a register"],
			],
			run: (inv) => read(inv, pathOf(inv)),
		},
		{
			name: "write",
			summary: "write a region of a device",
			args: [deviceArg, regionArg, offsetArg, { name: "VALUE", doc: "a number, whose lowest byte is written first", optional: true }],
			options: () => [...bytesOptions, { flags: "--length <n>", doc: "bytes of VALUE (4), or for --fill", group: "Bytes:" }],
			groups: ["kernel", "expect"],
			examples: [
				["device write vfio0 config 4 6 --length 2", "memory accesses and bus mastering on"],
				["device write vfio0 bar0 0x60 1", "edu raises an interrupt"],
			],
			run: (inv) => write(inv, pathOf(inv)),
		},
	];
}
