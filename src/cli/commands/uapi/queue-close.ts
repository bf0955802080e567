/** `fault close` and `veventq close`. */
import { showIo } from "../../call/io-result.js";
import { announce } from "../../frame/announce.js";
import type { CommandSpec } from "../../frame/command.js";
import type { QueueFile } from "../../frame/context.js";
import { queueFile, queueOptions } from "./queue-files.js";

/** Closes a queue's file, after which the queue can be destroyed. */
export function closeQueue(kind: QueueFile["kind"]): CommandSpec {
	return {
		name: "close",
		summary: "close the queue's file",
		args: [{ name: "QUEUE", value: { id: `${kind}_id` }, doc: "the queue's ID", optional: true }],
		options: () => queueOptions,
		groups: ["kernel", "expect", "quiet"],
		examples: [[`${kind} close $queue`, "in a script: after this `destroy $queue` does not fail with EBUSY"]],
		async run(inv) {
			const file = queueFile(inv, kind, inv.args[0]);
			await announce(inv);
			const ret = (await inv.context.kernel()).close(file.fd);
			if (file.id !== undefined) inv.context.queues.delete(file.id);
			return await showIo(inv, {
				command: `${kind} close`,
				call: "close",
				ret: ret < 0 ? -1 : 0,
				errno: ret < 0 ? -ret : 0,
				headline: `file ${file.fd} closed`,
			});
		},
	};
}
