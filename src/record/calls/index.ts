/** The handlers of all calls that stop, by their names. */
import type { Handler, Recorder } from "../recorder.js";
import { descriptorHandlers } from "./descriptors.js";
import { ioHandlers } from "./io.js";
import { ioctlHandlers } from "./ioctl.js";
import { memoryHandlers } from "./memory.js";
import { openHandlers } from "./open.js";
import { pollHandlers } from "./poll.js";

export const handlersOf = (recorder: Recorder): Readonly<Record<string, Handler>> => ({
	...openHandlers(recorder),
	...ioctlHandlers(recorder),
	...ioHandlers(recorder),
	...descriptorHandlers(recorder),
	...memoryHandlers(recorder),
	...pollHandlers(recorder),
});
