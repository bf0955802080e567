/** The types of doctor's checks: what they look at and what they find. */
import type { Host } from "../../../host/host.js";

export type { Host } from "../../../host/host.js";

/** `ok`; `note`: it works, but there is something to know; `missing`: it is not there, and what needs it does not work. */
export type Status = "ok" | "note" | "missing";

/** One thing that was looked at. */
export interface Finding {
	/** for JSON, never changed */
	readonly id: string;
	readonly title: string;
	readonly status: Status;
	/** what is there, one line */
	readonly found: string;
	/** what to do about it, one line */
	readonly mend?: string;
	/** more of it, for people and JSON alike */
	readonly more?: readonly string[];
}

export type Check = (host: Host) => Finding | Promise<Finding>;
