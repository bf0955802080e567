/** The system that doctor's checks look at, below a root folder. */
import { closeSync, constants, existsSync, openSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { release } from "node:os";
import { basename, join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { Host } from "./check.js";

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
