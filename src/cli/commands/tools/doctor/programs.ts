/** Checks whether programs that are not ours can be run on the simulated kernel (`exec`), and recorded on this one (`record`). */
import { EnvironmentError } from "../../../../kernel/environment-error.js";
import type { Check } from "./check.js";

export const programs: Check = async (host) => {
	const base = { id: "exec", title: "programs (exec)" };
	const { whyNot } = await import("../../../../exec/index.js");
	try {
		const wrong = whyNot(host.release, host.read);
		if (wrong === undefined)
			return { ...base, status: "ok", found: "can be run on the simulated kernel: seccomp, memory and files are within reach" };
		return { ...base, status: "missing", found: wrong[0], mend: wrong[1] };
	} catch (error) {
		if (!(error instanceof EnvironmentError)) throw error;
		return { ...base, status: "missing", found: error.message, mend: error.hint };
	}
};

export const recording: Check = async (host) => {
	const base = { id: "record", title: "programs (record)" };
	const { whyNot } = await import("../../../../record/index.js");
	try {
		const wrong = whyNot(host.release, host.read);
		if (wrong === undefined)
			return { ...base, status: "ok", found: "can be recorded on this kernel: ptrace and seccomp filters are allowed" };
		return { ...base, status: "missing", found: wrong[0], mend: wrong[1] };
	} catch (error) {
		if (!(error instanceof EnvironmentError)) throw error;
		return { ...base, status: "missing", found: error.message, mend: error.hint };
	}
};
