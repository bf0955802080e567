/** What the process that becomes the recorded program is given, and how it says that it could not. */

/** As JSON, in the file of descriptor JOB_FD. */
export interface Job {
	/** a path */
	readonly program: string;
	/** the first one is the program's name */
	readonly args: readonly string[];
	/** `NAME=value` each */
	readonly env: readonly string[];
}

export const JOB_FD = 3;

/** Exit code where the filter is refused, plus the errno: more than any errno of execve. */
export const FILTER_REFUSED = 140;
