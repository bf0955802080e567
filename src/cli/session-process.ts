/** The process that keeps a session: its kernel, and the commands that others hand to it. */
import { type DaemonRequest, type Kept, runDaemon } from "../session/daemon.js";
import type { RemoteIo } from "../session/remote-io.js";
import { execute } from "./execute.js";
import { Context } from "./frame/context.js";
import { elsewhere } from "./frame/exit.js";
import type { Io } from "./frame/io.js";
import type { KernelHandle } from "./frame/kernel-choice.js";
import { recorded } from "./frame/record.js";
import type { SessionSetup } from "./frame/session-setup.js";
import { version } from "./frame/version.js";

/** The number that a given file has in the session's process. */
const inheritedFd = 3;

/** What `iommuctl session start` starts: a session, until it ends. */
export async function serveSession(text: string): Promise<void> {
	const request = JSON.parse(text) as DaemonRequest;
	await runDaemon(request, version, () => keep(request.setup as unknown as SessionSetup));
}

async function keep(setup: SessionSetup): Promise<Kept> {
	const fd = setup.fd ? inheritedFd : undefined;
	if (setup.uapiFiles && setup.uapiFiles.length > 0) {
		const { useUapiFiles } = await import("./frame/uapi-files.js");
		// `session start` has said what there is to say of them.
		useUapiFiles({ files: setup.uapiFiles, quiet: true }, { cwd: setup.cwd }, () => {});
	}
	let session = "";
	const stops: (() => void)[] = [];
	const wrap = async (opened: KernelHandle): Promise<KernelHandle> => {
		const { injection } = await import("./frame/inject.js");
		let handle = setup.inject ? await injection(setup.inject)(opened) : opened;
		if (setup.record !== undefined) {
			const recording = await recorded(handle, setup.record, fd);
			handle = recording.handle;
			stops.push(recording.close);
		}
		if (setup.why) {
			const told = await (await import("./frame/why.js")).explained(handle, fd);
			handle = told.handle;
			stops.push(told.close);
		}
		const { which } = handle;
		// The name is known only once the kernel is there.
		return Object.defineProperty({ ...handle }, "which", { get: () => (session ? `${which}, session ${session}` : which) });
	};
	const context = new Context(setup.kernel, fd, { machine: setup.machine, uapi: setup.uapi, cwd: setup.cwd }, wrap);
	const { which } = await context.handle();
	// Opened now: if that fails, `session start` is who should say so.
	await context.iommu();
	return {
		kernel: which,
		record: setup.record,
		runner(name) {
			session = name;
			return async (argv, io) => {
				// Every caller gets the message.
				context.announced = false;
				const outcome = await execute(argv, { io: io satisfies RemoteIo as Io, context, session: name });
				return outcome === elsewhere ? "local" : outcome.exit;
			};
		},
		dispose() {
			context.dispose();
			for (const stop of stops.reverse()) stop();
		},
	};
}
