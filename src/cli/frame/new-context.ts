/** Makes a command's context: its kernel, and what options put around that. */
import { resolve } from "node:path";
import type { CommonOptions } from "./command.js";
import { Context } from "./context.js";
import type { Io } from "./io.js";
import type { KernelHandle } from "./kernel-choice.js";

export interface Made {
	readonly context: Context;
	dispose(): void;
}

/** A context for one command; its kernel is opened when first asked for. */
export function newContext(common: CommonOptions, io: Io): Made {
	const stops: (() => void)[] = [];
	const record = async (handle: KernelHandle, file: string): Promise<KernelHandle> => {
		const { injectedNote, recorded } = await import("./record.js");
		if (common.inject !== undefined && !common.json && !common.quiet) io.stderr.write(`note: ${injectedNote}\n`);
		const recording = await recorded(handle, resolve(io.cwd, file), common.fd);
		stops.push(recording.close);
		return recording.handle;
	};
	const wrap = async (plain: KernelHandle): Promise<KernelHandle> => {
		const said = saying(plain, common.fromEnvironment);
		const opened = common.mark ? (await import("./mark.js")).marked(said) : said;
		const handle = common.inject === undefined ? opened : await (await import("./inject.js")).injection(common.inject)(opened);
		const kept = common.record === undefined ? handle : await record(handle, common.record);
		if (!common.why) return kept;
		const told = await (await import("./why.js")).explained(kept, common.fd);
		stops.push(told.close);
		return told.handle;
	};
	const machineFrom = common.fromEnvironment?.find((name) => name === "IOMMUCTL_MACHINE");
	const choice = { machine: common.machine, machineFrom, uapi: common.uapi, cwd: io.cwd };
	const context = new Context(common.kernel, common.fd, choice, wrap);
	return {
		context,
		dispose() {
			context.dispose();
			for (const stop of stops.reverse()) stop();
		},
	};
}

/** Says in a kernel's name what the environment chose of it. */
function saying(handle: KernelHandle, names: readonly string[] = []): KernelHandle {
	if (names.length === 0) return handle;
	const { which } = handle;
	const by = `by ${names.join(" and ")}`;
	return { ...handle, which: which.endsWith(")") ? `${which.slice(0, -1)}; ${by})` : `${which} (${by})` };
}
