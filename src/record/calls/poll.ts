/** poll and ppoll of recorded files: what their events were when the call returned. */
import { pollNames } from "../../trace/answer.js";
import type { Step } from "../../trace/index.js";
import { readMemory } from "../memory.js";
import type { AtEnd, Call, Handler, Recorder } from "../recorder.js";

/** bytes of struct pollfd */
const SIZE = 8;
/** more descriptors than a program may have by default */
const MOST = 4096;
const IN_AND_OUT = 5;

export function pollHandlers(recorder: Recorder): Readonly<Record<string, Handler>> {
	const polling = (call: Call): AtEnd | undefined => {
		const { process, args } = call;
		const count = Math.min(Number(BigInt.asUintN(32, args[1])), MOST);
		const fds = Buffer.alloc(count * SIZE);
		const read = (): number => Math.floor(readMemory(recorder.native, process.pid, args[0], fds) / SIZE);
		const asked = Array.from({ length: read() }, (_, i) => process.files.get(fds.readInt32LE(i * SIZE)));
		if (asked.every((file) => file === undefined)) return undefined;
		return (value) => {
			if (value < 0n) return;
			const there = read();
			for (const [i, file] of asked.slice(0, there).entries()) {
				if (file === undefined) continue;
				const events = fds.readUInt16LE(i * SIZE + 4);
				const revents = pollNames(fds.readUInt16LE(i * SIZE + 6));
				const step: Step = { op: "poll", fd: file.name, ...(events !== IN_AND_OUT && { events: pollNames(events) }), revents };
				recorder.steps(call, file.program, [step]);
			}
		};
	};
	return { poll: polling, ppoll: polling };
}
