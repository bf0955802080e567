/** close, dup and their relatives: which descriptors are a recorded file's. */
import type { AtEnd, Call, Handler, Recorder } from "../recorder.js";

const CLOSE_RANGE_CLOEXEC = 4n;

const fdAt = ({ args }: Call, index: number): number => Number(BigInt.asIntN(32, args[index]));

export function descriptorHandlers(recorder: Recorder): Readonly<Record<string, Handler>> {
	/** The file of the first argument has the returned descriptor as well, which another file may have lost. */
	const duplicate = (call: Call): AtEnd => {
		const file = call.process.files.get(fdAt(call, 0));
		return (value) => {
			if (value < 0n) return;
			const fd = Number(value);
			if (call.process.files.get(fd) === file) return;
			recorder.closed(call, fd);
			if (file !== undefined) call.process.add(fd, file);
		};
	};
	return {
		// It is closed whatever the call returns, except where it was not open.
		close: (call) => () => recorder.closed(call, fdAt(call, 0)),
		close_range: (call) => (value) => {
			if (value < 0n || (call.args[2] & CLOSE_RANGE_CLOEXEC) !== 0n) return;
			const [first, last] = call.args.map((each) => Number(BigInt.asUintN(32, each)));
			for (const fd of [...call.process.files.keys()]) if (fd >= first && fd <= last) recorder.closed(call, fd);
		},
		dup: duplicate,
		dup2: duplicate,
		dup3: duplicate,
		fcntl: duplicate,
	};
}
