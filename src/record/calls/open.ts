/** open, openat and openat2: files that are recorded from then on. */
import { toRecordedRet } from "../../trace/answer.js";
import type { AtEnd, Call, Handler, Recorder } from "../recorder.js";

const AT_FDCWD = -100;

/** `path`: which argument it is; `at`: that of its folder */
const opening =
	(recorder: Recorder, path: number, at?: number): Handler =>
	(call: Call): AtEnd | undefined => {
		const { process, args } = call;
		const text = recorder.text(process, args[path]);
		if (text === undefined || text === "") return undefined;
		const full = recorder.path(process, at === undefined ? AT_FDCWD : Number(BigInt.asIntN(32, args[at])), text);
		recorder.failNth.opens(full);
		if (!recorder.follows(full)) return undefined;
		return (value) => {
			const { program } = recorder.memberOf(process);
			if (value < 0n) recorder.steps(call, program, [{ op: "open", path: full, ...toRecordedRet(Number(value)) }]);
			else {
				const fd = Number(value);
				const file = program.opened(full, process.link(fd) ?? full);
				process.add(fd, file);
				recorder.steps(call, program, [{ op: "open", path: full, fd: file.name }]);
			}
		};
	};

export const openHandlers = (recorder: Recorder): Readonly<Record<string, Handler>> => ({
	open: opening(recorder, 0),
	openat: opening(recorder, 1, 0),
	openat2: opening(recorder, 1, 0),
});
