/** The system that we run on, or in tests a folder that looks like one. */
import { closeSync, constants, existsSync, openSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { release } from "node:os";
import { basename, join } from "node:path";
import { gunzipSync } from "node:zlib";

/** Where checks look: the running system, or in tests a folder that looks like one. */
export interface Host {
	/** the text of a file; undefined if it cannot be read */
	read(path: string): string | undefined;
	/** the bytes of a file, as far as they can be read */
	bytes(path: string): Uint8Array;
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

/** The system under `root`; `/` is the one we run on. */
export function hostAt(root: string, given: Partial<Pick<Host, "platform" | "release" | "nodeVersion">> = {}): Host {
	const at = (path: string): string => join(root, path);
	const quietly = <T>(look: () => T): T | undefined => {
		try {
			return look();
		} catch {
			return undefined;
		}
	};
	return {
		read: (path) =>
			quietly(() => {
				const bytes = readFileSync(at(path));
				return (path.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString();
			}),
		bytes: (path) => quietly(() => readFileSync(at(path))) ?? new Uint8Array(),
		list: (path) => quietly(() => readdirSync(at(path)).sort((a, b) => a.localeCompare(b, "en", { numeric: true }))) ?? [],
		link: (path) => quietly(() => basename(readlinkSync(at(path)))),
		exists: (path) => existsSync(at(path)),
		tryOpen(path) {
			try {
				closeSync(openSync(at(path), constants.O_RDWR | constants.O_NONBLOCK));
				return undefined;
			} catch (error) {
				return (error as NodeJS.ErrnoException).code ?? String(error);
			}
		},
		platform: process.platform,
		release: release(),
		nodeVersion: process.versions.node,
		...given,
	};
}
