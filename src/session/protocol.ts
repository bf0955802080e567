/** The requests and answers of a session, as JSON. */
/** Increases whenever a session and a caller of different versions would misunderstand each other. */
export const protocol = 1;

/** A command as it was typed. */
export interface ExecRequest {
	readonly protocol: number;
	/** of iommuctl */
	readonly version: string;
	/** the words after `iommuctl` */
	readonly argv: readonly string[];
	readonly cwd: string;
	readonly env: Readonly<Record<string, string>>;
	/** whether stdout and stderr are terminals */
	readonly tty: readonly [boolean, boolean];
	/** their width in characters, where known */
	readonly columns: readonly [number | null, number | null];
}

export interface SessionStatus {
	readonly name: string;
	readonly pid: number;
	readonly version: string;
	/** for people: `simulated (no /dev/iommu here)` */
	readonly kernel: string;
	/** time of the start, ISO 8601 */
	readonly started: string;
	/** number of commands served */
	readonly commands: number;
	/** number of commands that are running or waiting */
	readonly running: number;
	/** seconds since the last command ended */
	readonly idleFor: number;
	/** seconds without a command after which it stops by itself; null: never */
	readonly idleLimit: number | null;
	/** the trace that it records */
	readonly record: string | null;
}

/** Variables that change what a command prints. */
const forwarded = /^(?:NO_COLOR|FORCE_COLOR|COLORTERM|TERM|COLUMNS|LINES|LANG|LC_\w+|IOMMUCTL_\w+)$/;

export function forwardedEnv(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
	const kept: Record<string, string> = {};
	for (const key of Object.keys(env)) if (forwarded.test(key)) kept[key] = env[key] as string;
	return kept;
}

/** Files that only the caller's process can open by that name: `<(command)` of a shell, and stdin. */
export function ofTheCaller(path: string): boolean {
	return /^\/(?:dev\/(?:fd\/\d+|stdin)|proc\/self\/fd\/\d+)$/.test(path);
}
