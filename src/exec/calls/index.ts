/** What becomes of each system call that stops. */
import type { SyscallName } from "../arch.js";
import type { Notification } from "../notify.js";
import type { Served } from "../served.js";
import { descriptorCalls } from "./descriptors.js";
import { ioCalls } from "./io.js";
import { memoryCalls } from "./memory.js";
import { openCalls } from "./open.js";
import { statCalls } from "./stat.js";

/** The call's result, or minus the errno; undefined: the machine's kernel makes the call. */
export type Handler = (notification: Notification) => number | bigint | undefined;
export type Handlers = Partial<Record<SyscallName, Handler>>;

export function answerCall(served: Served): Handlers {
	return { ...openCalls(served), ...ioCalls(served), ...memoryCalls(served), ...descriptorCalls(served), ...statCalls(served) };
}
