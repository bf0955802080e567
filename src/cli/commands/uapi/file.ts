/** `file`: plain system calls on files. */
import { EnvironmentError } from "../../../kernel/environment-error.js";
import { ENOENT } from "../../../kernel/errno.js";
import { isEventCapable, POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT } from "../../../kernel/kernel.js";
import { bytesGiven, bytesOptions } from "../../call/bytes-option.js";
import { deviceFolder } from "../../call/device-path.js";
import { showIo } from "../../call/io-result.js";
import { parseFd, parseLength, parseNumber } from "../../call/natural.js";
import { announce } from "../../frame/announce.js";
import type { CommandSpec, Family, Invocation } from "../../frame/command.js";
import { type Outcome, UsageError } from "../../frame/exit.js";
import { hexBytes, hexDump } from "../../frame/text.js";
import { readLength, readTarget } from "./queue-files.js";

const fdArg = { name: "FD", doc: "the file's number" };
const eventNames: readonly (readonly [string, number])[] = [
	["IN", POLLIN],
	["OUT", POLLOUT],
	["ERR", POLLERR],
	["HUP", POLLHUP],
	["NVAL", POLLNVAL],
];
const readFd = (text: string): number => parseFd(text, "FD");
const split = (ret: number) => ({ ret: ret < 0 ? -1 : ret, errno: ret < 0 ? -ret : 0 });

async function open(inv: Invocation): Promise<Outcome> {
	await announce(inv);
	const [path] = inv.args;
	const kernel = await inv.context.kernel();
	const fd = kernel.open(path);
	// Whoever names a file that is there should hear why it is not.
	const ofHost = kernel.kind === "sim" && fd === -ENOENT && !/^\/dev\/(?:iommu$|vfio\/)/.test(path);
	const meaning = ofHost ? "there is no such file: the simulated kernel has none of the host's files" : undefined;
	if (fd >= 0) inv.context.deviceFiles[path.startsWith(`${deviceFolder}/`) ? "add" : "delete"](fd);
	return await showIo(inv, {
		command: "file open",
		call: "open",
		...split(fd),
		meaning,
		headline: `${inv.args[0]} is file ${fd}`,
		value: fd,
	});
}

async function eventfd(inv: Invocation): Promise<Outcome> {
	const count = Number(parseNumber(inv.args[0] ?? "0", "COUNT"));
	if (count > 0xffffffff) throw new UsageError(`COUNT: ${count} has more than 32 bits`);
	await announce(inv);
	const kernel = await inv.context.kernel();
	if (!isEventCapable(kernel)) throw new EnvironmentError("this kernel makes no eventfds", "run it without what is around the kernel");
	const fd = kernel.eventfd(count);
	return await showIo(inv, {
		command: "file eventfd",
		call: "eventfd",
		...split(fd),
		headline: `eventfd ${fd} counts from ${count}`,
		value: fd < 0 ? undefined : fd,
	});
}

async function close(inv: Invocation): Promise<Outcome> {
	await announce(inv);
	const fd = readFd(inv.args[0]);
	return await showIo(inv, {
		command: "file close",
		call: "close",
		...split((await inv.context.kernel()).close(fd)),
		headline: `file ${fd} closed`,
	});
}

async function read(inv: Invocation): Promise<Outcome> {
	const length = readLength(inv, inv.args[1]);
	await announce(inv);
	const kernel = await inv.context.kernel();
	const target = readTarget(inv, length);
	const ret = kernel.read(readFd(inv.args[0]), target);
	const bytes = target instanceof Uint8Array ? target.subarray(0, Math.max(ret, 0)) : new Uint8Array();
	return await showIo(inv, {
		command: "file read",
		call: "read",
		...split(ret),
		headline: `${ret} bytes read`,
		lines: hexDump(bytes),
		json: { data: hexBytes(bytes) },
	});
}

async function write(inv: Invocation): Promise<Outcome> {
	const from = inv.options.from as string | undefined;
	const length = inv.options.length === undefined ? undefined : parseLength(inv.options.length as string, "--length");
	const bytes = from === undefined ? await bytesGiven(inv, length) : { addr: parseNumber(from, "--from"), length: length ?? 0 };
	if (!bytes) throw new UsageError("the bytes are missing", "give --data, --text, --file or --fill, or memory by --from and --length");
	await announce(inv);
	const ret = (await inv.context.kernel()).write(readFd(inv.args[0]), bytes);
	return await showIo(inv, { command: "file write", call: "write", ...split(ret), headline: `${ret} bytes written` });
}

async function poll(inv: Invocation): Promise<Outcome> {
	await announce(inv);
	const file = { fd: readFd(inv.args[0]), events: POLLIN | POLLOUT, revents: 0 };
	const ret = (await inv.context.kernel()).poll([file], 0);
	const names = eventNames.filter(([, bit]) => file.revents & bit).map(([name]) => name);
	return await showIo(inv, {
		command: "file poll",
		call: "poll",
		...split(ret),
		headline: `file ${file.fd}: ${names.join("|") || "nothing"}`,
		json: { revents: names.map((name) => name.toLowerCase()) },
		fields: Object.fromEntries(eventNames.map(([name, bit]) => [name.toLowerCase(), file.revents & bit ? 1 : 0])),
	});
}

const commands: readonly CommandSpec[] = [
	{
		name: "open",
		summary: "open a path",
		args: [{ name: "PATH", value: "file", doc: "its path, for example /dev/iommu" }],
		groups: ["kernel", "expect", "quiet"],
		examples: [["file open /dev/iommu", ""]],
		run: open,
	},
	{
		name: "eventfd",
		summary: "make an eventfd, which counts events such as interrupts",
		args: [{ name: "COUNT", doc: "what it counts from (0)", optional: true }],
		groups: ["kernel", "expect", "quiet"],
		examples: [["file eventfd", "for device set-irqs; file read shows its count and sets it to 0"]],
		run: eventfd,
	},
	{
		name: "close",
		summary: "close a file",
		args: [fdArg],
		groups: ["kernel", "expect"],
		examples: [["file close $access", "in a script: destroys the access"]],
		run: close,
	},
	{
		name: "read",
		summary: "read a file",
		args: [fdArg, { name: "LENGTH", doc: "bytes" }],
		options: () => [{ flags: "--into <address>", doc: "read to this address of the program" }],
		groups: ["kernel", "expect"],
		examples: [["file read $queue.fd 40", ""]],
		run: read,
	},
	{
		name: "write",
		summary: "write a file",
		args: [fdArg],
		options: () => [
			...bytesOptions,
			{ flags: "--from <address>", doc: "write this memory of the program", group: "Bytes:" },
			{ flags: "--length <n>", doc: "for --from and --fill", group: "Bytes:" },
		],
		groups: ["kernel", "expect"],
		examples: [["file write $queue.fd --data 0100000000000000", ""]],
		run: write,
	},
	{
		name: "poll",
		summary: "show what a file is ready for",
		args: [fdArg],
		groups: ["kernel", "expect"],
		examples: [["file poll $queue.fd", ""]],
		run: poll,
	},
];

const family: Family = {
	name: "file",
	details: "Plain system calls on files that other commands made: fault and event queues, accesses, memfds.",
	commands,
};
export default family;
