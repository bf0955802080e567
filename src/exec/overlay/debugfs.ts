/** debugfs as programs see it: the folders of fault injection, whose files keep what is written to them. */
import { mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errnoNumber } from "../../kernel/errno.js";
import type { Overlay } from "./overlay.js";

const ROOT = "/sys/kernel/debug";
const FOLDERS = ["failslab", "fail_page_alloc", "fail_usercopy"];
const COMMON = { interval: "1", probability: "0", space: "0", "task-filter": "N", times: "1", verbose: "2", verbose_ratelimit_burst: "10" };
const FILES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
	failslab: { ...COMMON, "ignore-gfp-wait": "Y", "cache-filter": "N" },
	fail_page_alloc: { ...COMMON, "ignore-gfp-wait": "Y", "ignore-gfp-highmem": "Y", "min-order": "1" },
	fail_usercopy: COMMON,
};

/** These are real files in a folder of ours, made when a program first asks: descriptors of folders work as they do. */
export function debugfsOverlay(): Overlay {
	let folder: string | undefined;
	const made = (): string => {
		if (folder !== undefined) return folder;
		folder = mkdtempSync(join(tmpdir(), "iommuctl-debugfs-"));
		for (const name of FOLDERS) {
			mkdirSync(join(folder, name), { mode: 0o700 });
			for (const [file, value] of Object.entries(FILES[name])) writeFileSync(join(folder, name, file), `${value}\n`, { mode: 0o600 });
		}
		return folder;
	};
	return {
		concerns: (path) =>
			path.startsWith(ROOT) && (path.length <= ROOT.length + 1 || FOLDERS.includes(path.slice(ROOT.length + 1).split("/")[0])),
		open(path, flags) {
			try {
				return { fd: openSync(join(made(), path.slice(ROOT.length)), flags) };
			} catch (error) {
				return -(errnoNumber((error as NodeJS.ErrnoException).code ?? "") ?? 2);
			}
		},
		close() {
			if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
		},
	};
}
