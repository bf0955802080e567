/** The files of fault and event queues: how commands name them and read from them. */
import type { IoBuffer } from "../../../kernel/kernel.js";
import { parseFd, parseLength, parseNumber } from "../../call/natural.js";
import type { Invocation, OptionSpec } from "../../frame/command.js";
import type { QueueFile } from "../../frame/context.js";
import { UsageError } from "../../frame/exit.js";

/** The options that name a queue's file. */
export const queueOptions: readonly OptionSpec[] = [
	{ flags: "--queue-fd <n>", doc: "the queue's file by its number, instead of the queue's ID" },
];

/**
 * The file of the queue that a command names. Only the context that allocated it has that file.
 * @throws UsageError
 */
export function queueFile(inv: Invocation, kind: QueueFile["kind"], text: string | undefined): QueueFile & { id?: number } {
	const given = inv.options.queueFd as string | undefined;
	if (given !== undefined) return { kind, fd: parseFd(given, "--queue-fd"), type: 0 };
	if (text === undefined) throw new UsageError("the queue is missing", "give its ID, or its file by --queue-fd");
	const id = Number(parseNumber(text, "the queue's ID"));
	const file = inv.context.queues.get(id);
	if (!file) {
		const what = kind === "fault" ? "fault queue" : "event queue";
		throw new UsageError(
			`no ${what} ${id} was allocated here`,
			`a queue is read through the file that its allocation returned: use \`iommuctl run\` or a session, whose commands share files, or --queue-fd`,
		);
	}
	if (file.kind !== kind)
		throw new UsageError(`queue ${id} is ${file.kind === "fault" ? "a fault queue" : "an event queue"}`, `use iommuctl ${file.kind} read`);
	return { ...file, id };
}

/** The length of a read: limited for our own buffer, any length if an address is given. */
export function readLength(inv: Invocation, text: string): number {
	return inv.options.into === undefined ? parseLength(text, "the length") : Number(BigInt.asUintN(48, parseNumber(text, "the length")));
}

/** Where a read of `length` bytes goes: memory of ours, or the address that --into names. */
export function readTarget(inv: Invocation, length: number): IoBuffer {
	const into = inv.options.into as string | undefined;
	return into === undefined ? new Uint8Array(length) : { addr: BigInt.asUintN(64, parseNumber(into, "--into")), length };
}
