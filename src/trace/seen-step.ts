/** A step of a trace with the names that its request has, so that a line that comes again needs no second look. */
import type { Step } from "./format.js";
import { requestOn } from "./requests.js";

export class SeenStep {
	readonly kind = "step";
	/** whether its request is called the same on every kind of file, and the step makes none */
	readonly plain: boolean;
	readonly #named: { context?: Step; device?: Step } = {};

	constructor(readonly step: Step) {
		const { op } = step;
		this.plain = op === "ioctl" ? step.ret_fd === undefined && this.on("context") === this.on("device") : op !== "open";
	}

	/** The step, or a copy of it with the name that its request has on this kind of file. Throws FieldError for a request that does not exist. */
	on(file: "context" | "device"): Step {
		const { step } = this;
		if (step.op !== "ioctl") return step;
		const known = this.#named[file];
		if (known !== undefined) return known;
		const request = requestOn(step.request, file);
		const named = request === step.request ? step : { ...step, request };
		this.#named[file] = named;
		return named;
	}
}
