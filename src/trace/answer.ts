/** What a step answered: as recorded, or as it came. */
import { POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT } from "../kernel/kernel.js";
import type { Why } from "../kernel/why.js";
import { errnoName, errnoNumber } from "./errno-names.js";
import type { PollName, RecordedRet, Step } from "./format.js";

/** What a step answered, recorded or new, for printing. */
export interface Answer {
	/** a value >= 0, or minus the errno */
	readonly ret?: number;
	/** an ioctl's struct after the call, or the bytes that were read; hex */
	readonly bytes?: string;
	readonly revents?: readonly PollName[];
	/** an IOMMU's event records; hex */
	readonly events?: readonly string[];
	/** the check that the call did not pass, where the kernel can tell */
	readonly why?: Why;
	/** a note in place of a value, such as "a file" */
	readonly note?: string;
}

/** Whether an answer, as recorded, is an errno. */
export function isFailure(answer: Answer): answer is Answer & { ret: number } {
	return answer.ret !== undefined && answer.ret < 0;
}

/** Whether two answers are the same. */
export function sameAnswer(a: Answer, b: Answer): boolean {
	const list = (answer: Answer) => [answer.ret, answer.bytes?.toLowerCase(), answer.revents?.join(), answer.events?.join(), answer.note];
	const others = list(b);
	return list(a).every((value, at) => value === others[at]);
}

/** A recorded ret and errno as one value, as Kernel returns it. */
export function recordedRet(step: RecordedRet): number {
	return step.ret === -1 && step.errno !== undefined ? -errnoNumber(step.errno) : step.ret;
}

/** A value that Kernel returned, as a trace records it. */
export function toRecordedRet(ret: number): RecordedRet {
	return ret < 0 ? { ret: -1, errno: errnoName(-ret) } : { ret };
}

/** An answer as documents have it: a failure as ret -1 and the errno's name. */
export function answerJson({ ret, ...rest }: Answer): object {
	return ret === undefined ? rest : { ...toRecordedRet(ret), ...rest };
}

/** The answer of `step` as recorded in the trace. */
export function recordedAnswer(step: Step): Answer {
	switch (step.op) {
		case "ioctl":
			return { ret: recordedRet(step), bytes: step.out ?? step.arg };
		case "read":
		case "pread":
			return { ret: recordedRet(step), bytes: step.data };
		case "write":
		case "pwrite":
			return { ret: recordedRet(step) };
		case "poll":
			return { revents: step.revents };
		case "peek":
			return { bytes: step.data };
		case "dma":
			return { events: step.events };
		case "open":
			return step.ret === undefined ? { note: "a file" } : { ret: recordedRet(step as RecordedRet) };
		default:
			return { note: "success" };
	}
}

const POLL_BITS: readonly (readonly [PollName, number])[] = [
	["in", POLLIN],
	["out", POLLOUT],
	["err", POLLERR],
	["hup", POLLHUP],
	["nval", POLLNVAL],
];

export function pollMask(names: readonly PollName[]): number {
	let mask = 0;
	for (const [name, bit] of POLL_BITS) if (names.includes(name)) mask |= bit;
	return mask;
}

export function pollNames(mask: number): PollName[] {
	return POLL_BITS.filter(([, bit]) => (mask & bit) !== 0).map(([name]) => name);
}
