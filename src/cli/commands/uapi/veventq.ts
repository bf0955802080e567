/** `veventq`: virtual event queues and the events in them. */
import { splitEvents } from "../../../client/queues.js";
import { callCommand } from "../../call/command.js";
import { eventWords } from "../../call/event-words.js";
import { showIo } from "../../call/io-result.js";
import { jsonLeaf, parseNumber, showLeaf } from "../../call/natural.js";
import { announce } from "../../frame/announce.js";
import type { Family, Invocation } from "../../frame/command.js";
import type { Outcome } from "../../frame/exit.js";
import { hexBytes, plural } from "../../frame/text.js";
import { closeQueue } from "./queue-close.js";
import { queueFile, queueOptions, readLength, readTarget } from "./queue-files.js";
import { waitOptions, waitToRead } from "./wait.js";

/** The length of a read by default (bytes). */
const defaultLength = 1 << 16;

async function read(inv: Invocation): Promise<Outcome> {
	const file = queueFile(inv, "veventq", inv.args[0]);
	const length = inv.options.length === undefined ? defaultLength : readLength(inv, inv.options.length as string);
	const type = inv.options.type === undefined ? file.type : Number(parseNumber(inv.options.type as string, "--type"));
	await announce(inv);
	const nothing = await waitToRead(inv, file.fd);
	if (nothing !== undefined) return await showIo(inv, { command: "veventq read", call: "poll", ret: 0, errno: 0, problem: nothing });
	const kernel = await inv.context.kernel();
	const target = readTarget(inv, length);
	const ret = kernel.read(file.fd, target);
	const bytes = target instanceof Uint8Array ? target.subarray(0, Math.max(ret, 0)) : new Uint8Array(Math.max(ret, 0));
	if (!(target instanceof Uint8Array) && ret > 0) kernel.peek(target.addr, bytes);
	const events = splitEvents(bytes, type);
	return await showIo(inv, {
		command: "veventq read",
		call: "read",
		ret: ret < 0 ? -1 : ret,
		errno: ret < 0 ? -ret : 0,
		headline: events.length === 0 ? "no event is queued" : `${plural(events.length, "event")} read`,
		lines: events.map(({ sequence, lost, payload, data }) => {
			const fields = payload?.struct.leaves.map((leaf: Parameters<typeof showLeaf>[0]) => `${leaf.name}=${showLeaf(leaf, data)}`).join(" ");
			const said = !lost && payload && eventWords(payload.struct.name, data)?.text;
			if (said) return `sequence ${sequence}  ${said}`;
			return `sequence ${sequence}  ${lost ? "LOST_EVENTS: some are missing before this one" : (fields ?? hexBytes(data))}`;
		}),
		json: {
			events: events.map(({ sequence, flags, lost, payload, data }) => ({
				sequence,
				flags,
				lost,
				struct: lost ? null : (payload?.struct.name ?? null),
				data: lost
					? null
					: payload &&
						Object.fromEntries(payload.struct.leaves.map((leaf: Parameters<typeof showLeaf>[0]) => [leaf.name, jsonLeaf(leaf, data)])),
				...(!lost && payload && { decoded: eventWords(payload.struct.name, data)?.json ?? null }),
				bytes: hexBytes(data),
			})),
		},
		fields: { events: events.length, ...(events.length > 0 && { sequence: events[events.length - 1].sequence }) },
	});
}

const family: Family = {
	name: "veventq",
	details: "An event queue reports to user space what a guest should see of its virtual IOMMU.",
	commands: [
		callCommand("veventq", {
			name: "alloc",
			summary: "make an event queue",
			ioctl: "IOMMU_VEVENTQ_ALLOC",
			positional: [{ name: "VIOMMU", doc: "the virtual IOMMU's ID", field: "viommu_id" }],
			after({ inv, draft, answer }) {
				if (answer.errno !== 0) return undefined;
				const fd = Number(draft.read(answer.after, "out_veventq_fd"));
				const type = Number(draft.read(answer.after, "type"));
				inv.context.queues.set(Number(draft.read(answer.after, "out_veventq_id")), { kind: "veventq", fd, type });
				return { fields: { fd } };
			},
			examples: [["veventq alloc 6 --type SELFTEST --veventq-depth 4", "room for four events of virtual IOMMU 6"]],
		}),
		{
			name: "read",
			summary: "read the events that are queued",
			args: [{ name: "QUEUE", value: { id: "veventq_id" }, doc: "the event queue's ID", optional: true }],
			options: () => [
				...queueOptions,
				...waitOptions,
				{ flags: "--length <bytes>", doc: `length of the read (${defaultLength})` },
				{ flags: "--into <address>", doc: "read to this address of the program" },
				{ flags: "--type <number>", doc: "the type of the events, with --queue-fd" },
			],
			groups: ["kernel", "fd", "expect", "quiet"],
			examples: [
				["veventq read $queue", "in a script, after `queue = veventq alloc ...`"],
				["veventq read $queue --wait --timeout 30s", "in a session: until there is an event; exit 1 if none comes"],
			],
			run: read,
		},
		closeQueue("veventq"),
	],
};
export default family;
