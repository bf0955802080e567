/** `fault`: fault queues, the page faults in them and the responses. */
import { type FieldInfo, iommu_hwpt_page_response, iommu_hwpt_pgfault } from "../../../../structs/index.js";
import type { Payload } from "../../../client/payloads.js";
import { writeResponses } from "../../../client/queues.js";
import { callCommand } from "../../call/command.js";
import { describeEntry, entryOptions, readEntries } from "../../call/entries/array.js";
import { showIo } from "../../call/io-result.js";
import { jsonLeaf, showLeaf } from "../../call/natural.js";
import { announce } from "../../frame/announce.js";
import type { Family, Invocation } from "../../frame/command.js";
import { type Outcome, UsageError } from "../../frame/exit.js";
import { hexBytes, plural, table } from "../../frame/text.js";
import { closeQueue } from "./queue-close.js";
import { queueFile, queueOptions, readLength, readTarget } from "./queue-files.js";
import { waitOptions, waitToRead } from "./wait.js";

const responses: readonly Payload[] = [{ name: "response", type: 0, struct: iommu_hwpt_page_response, example: "cookie=1,code=SUCCESS" }];

/** Room for this many messages by default. */
const defaultMessages = 100;

async function read(inv: Invocation): Promise<Outcome> {
	const file = queueFile(inv, "fault", inv.args[0]);
	const { size } = iommu_hwpt_pgfault;
	const length = inv.options.length === undefined ? defaultMessages * size : readLength(inv, inv.options.length as string);
	await announce(inv);
	const nothing = await waitToRead(inv, file.fd);
	if (nothing !== undefined) return await showIo(inv, { command: "fault read", call: "poll", ret: 0, errno: 0, problem: nothing });
	const kernel = await inv.context.kernel();
	const target = readTarget(inv, length);
	const ret = kernel.read(file.fd, target);
	const bytes = target instanceof Uint8Array ? target.subarray(0, Math.max(ret, 0)) : new Uint8Array(Math.max(ret, 0));
	if (!(target instanceof Uint8Array) && ret > 0) kernel.peek(target.addr, bytes);
	const messages = Array.from({ length: Math.floor(bytes.length / size) }, (_, at) => bytes.subarray(at * size, (at + 1) * size));
	const leaves = iommu_hwpt_pgfault.leaves.filter((leaf) => leaf.role !== "reserved");
	const last = messages.at(-1);
	return await showIo(inv, {
		command: "fault read",
		call: "read",
		ret: ret < 0 ? -1 : ret,
		errno: ret < 0 ? -ret : 0,
		headline: messages.length === 0 ? "nothing is queued" : `${plural(messages.length, "page fault")} read`,
		lines:
			messages.length > 0
				? table([leaves.map(({ name }) => name), ...messages.map((one) => leaves.map((leaf) => showLeaf(leaf, one)))])
				: [],
		json: {
			messages: messages.map((one) => Object.fromEntries(leaves.map((leaf) => [leaf.name, jsonLeaf(leaf, one)]))),
			bytes: hexBytes(bytes),
		},
		value: last && Number(jsonLeaf(leaves.find(({ name }) => name === "cookie") as FieldInfo, last)),
		fields: {
			...(last && Object.fromEntries(leaves.map((leaf) => [leaf.name, BigInt(jsonLeaf(leaf, last) as string | number)]))),
			messages: messages.length,
		},
	});
}

async function respond(inv: Invocation): Promise<Outcome> {
	const [queue, cookie, code] = inv.options.queueFd === undefined ? inv.args : [undefined, ...inv.args];
	const file = queueFile(inv, "fault", queue);
	const short = cookie === undefined ? undefined : `cookie=${cookie},code=${code ?? "SUCCESS"}`;
	const array = await readEntries(
		short === undefined
			? inv
			: { ...inv, options: { ...inv.options, response: [short, ...((inv.options.response as string[] | undefined) ?? [])] } },
		responses,
	);
	if (!array) throw new UsageError("no response is given", "for example: fault respond 3 1 SUCCESS, or --response cookie=1,code=SUCCESS");
	await announce(inv);
	const kernel = await inv.context.kernel();
	const { ret, errno, handled } = writeResponses(kernel, file.fd, array.bytes);
	const failed = handled < array.count ? handled : undefined;
	const which = failed === undefined ? "" : `; response ${failed} was not: ${describeEntry(array, failed)}`;
	const summary = `${handled.toLocaleString("en-US")} of ${plural(array.count, "response")} taken${which}`;
	return await showIo(inv, {
		command: "fault respond",
		call: "write",
		ret,
		errno,
		headline: summary,
		lines: errno === 0 ? [] : [summary],
		json: { entries: array.count, handled, failed: failed ?? null },
		fields: { handled },
	});
}

const family: Family = {
	name: "fault",
	details: "A fault queue reports the page faults of devices to user space, which answers each group by its cookie.",
	commands: [
		callCommand("fault", {
			name: "alloc",
			summary: "make a fault queue",
			ioctl: "IOMMU_FAULT_QUEUE_ALLOC",
			after({ inv, draft, answer }) {
				if (answer.errno !== 0) return undefined;
				const fd = Number(draft.read(answer.after, "out_fault_fd"));
				inv.context.queues.set(Number(draft.read(answer.after, "out_fault_id")), { kind: "fault", fd, type: 0 });
				return { fields: { fd } };
			},
			examples: [["fault alloc", ""]],
		}),
		{
			name: "read",
			summary: "read the page faults that are queued",
			args: [{ name: "QUEUE", value: { id: "fault_id" }, doc: "the fault queue's ID", optional: true }],
			options: () => [
				...queueOptions,
				...waitOptions,
				{ flags: "--length <bytes>", doc: `length of the read (${defaultMessages} messages of ${iommu_hwpt_pgfault.size} bytes)` },
				{ flags: "--into <address>", doc: "read to this address of the program" },
			],
			groups: ["kernel", "fd", "expect", "quiet"],
			examples: [
				["fault read $queue", "in a script, after `queue = fault alloc`; with -q only the last cookie"],
				["fault read $queue --wait --timeout 30s", "in a session: until a device faults; exit 1 if none does"],
			],
			run: read,
		},
		{
			name: "respond",
			summary: "answer groups of page faults",
			args: [
				{ name: "QUEUE", value: { id: "fault_id" }, doc: "the fault queue's ID", optional: true },
				{ name: "COOKIE", doc: "the group's cookie", optional: true },
				{ name: "CODE", doc: "SUCCESS or INVALID", optional: true },
			],
			options: () => [...queueOptions, ...entryOptions(responses).filter(({ flags }) => !flags.startsWith("--as"))],
			groups: ["kernel", "fd", "expect", "quiet"],
			examples: [
				["fault respond $queue 1 SUCCESS", "one group"],
				["fault respond $queue --response cookie=1,code=SUCCESS --response cookie=2,code=INVALID", "two at once"],
				["fault respond $queue --from responses.jsonl", "as many as there are"],
			],
			run: respond,
		},
		closeQueue("fault"),
	],
};
export default family;
