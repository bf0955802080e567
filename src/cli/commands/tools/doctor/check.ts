/** The types of doctor's checks: what they look at and what they find. */

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

/** Where checks look: the running system, or in tests a folder that looks like one. */
export interface Host {
	/** the text of a file; undefined if it cannot be read */
	read(path: string): string | undefined;
	/** names in a folder in natural order; empty if it cannot be read */
	list(path: string): readonly string[];
	/** what a symbolic link points to, its last part; undefined if it is not a link */
	link(path: string): string | undefined;
	exists(path: string): boolean;
	/** opens for reading and writing and closes again: 0, or the errno's name */
	tryOpen(path: string): string | undefined;
	readonly platform: string;
	/** as uname says: 6.12.3-generic */
	readonly release: string;
	readonly nodeVersion: string;
}
