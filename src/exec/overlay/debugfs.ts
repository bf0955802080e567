/** debugfs as programs see it: the folders of fault injection. Those of failslab make allocations fail, others keep what is written to them. */
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errnoNumber } from "../../kernel/errno.js";
import type { Sim } from "../../sim/index.js";
import { EPOLLIN, type Epoll } from "../epoll.js";
import { AT, type Native } from "../native.js";
import { Failslab, type Knobs } from "./failslab.js";
import type { FaultInjection } from "./fault-injection.js";
import type { Overlay } from "./overlay.js";

const ROOT = "/sys/kernel/debug";
const FOLDERS = ["failslab", "fail_page_alloc", "fail_usercopy"];
const COMMON = { interval: "1", probability: "0", space: "0", "task-filter": "N", times: "1", verbose: "2", verbose_ratelimit_burst: "10" };
const FILES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
	failslab: { ...COMMON, "ignore-gfp-wait": "Y", "cache-filter": "N" },
	fail_page_alloc: { ...COMMON, "ignore-gfp-wait": "Y", "ignore-gfp-highmem": "Y", "min-order": "1" },
	fail_usercopy: COMMON,
};
const O_ACCMODE = 3;
const O_WRONLY = 1;
const O_TRUNC = 0o1000;
const IN_NONBLOCK = 0o4000;
const IN_CLOEXEC = 0o2000000;
const IN_MODIFY = 2;

export interface DebugfsOptions {
	readonly native: Native;
	readonly epoll: Epoll;
	readonly sim: Sim;
	readonly faults: FaultInjection;
	/** takes a line for the user */
	note(line: string): void;
}

/** These are real files in a folder of ours, made when a program first asks: descriptors of folders work as they do. */
export function debugfsOverlay({ native, epoll, sim, faults, note }: DebugfsOptions): Overlay {
	let folder: string | undefined;
	let watch = -1;
	/** what the knobs are, as text */
	const values: Record<string, string> = { ...FILES.failslab };
	const path = (knob: string): string => join(folder ?? "", "failslab", knob);

	/** Reads the knobs anew, as programs have written to them. */
	const reread = (): void => {
		native.call("read", watch, native.at(AT.data), 0x4000);
		let changed = false;
		for (const knob of Object.keys(values)) {
			const text = readFileSync(path(knob), "latin1").trim();
			if (text === "" || text === values[knob]) continue;
			changed = valid(knob, text) || changed;
			if (valid(knob, text)) values[knob] = text;
			else {
				note(`failslab/${knob} cannot be ${JSON.stringify(text)}, and stays ${values[knob]}`);
				writeFileSync(path(knob), `${values[knob]}\n`);
			}
		}
		if (changed) faults.slab?.set(knobsOf(values));
	};

	const told = (now: Pick<Knobs, "times" | "space">): void => {
		for (const knob of ["times", "space"] as const) {
			values[knob] = String(now[knob]);
			writeFileSync(path(knob), `${values[knob]}\n`);
		}
	};

	const made = (): string => {
		if (folder !== undefined) return folder;
		folder = mkdtempSync(join(tmpdir(), "iommuctl-debugfs-"));
		for (const name of FOLDERS) {
			mkdirSync(join(folder, name), { mode: 0o700 });
			for (const [file, value] of Object.entries(FILES[name])) writeFileSync(join(folder, name, file), `${value}\n`, { mode: 0o600 });
		}
		faults.slab = new Failslab(knobsOf(values), told, (line) => sim.warn(line));
		watch = native.call("inotify_init1", IN_NONBLOCK | IN_CLOEXEC);
		native.call("inotify_add_watch", watch, native.text(join(folder, "failslab")), IN_MODIFY);
		epoll.add(watch, EPOLLIN, reread);
		return folder;
	};

	return {
		concerns: (given) =>
			given.startsWith(ROOT) && (given.length <= ROOT.length + 1 || FOLDERS.includes(given.slice(ROOT.length + 1).split("/")[0])),
		open(given, flags) {
			// What is written replaces the value.
			const replacing = (flags & O_ACCMODE) === O_WRONLY ? O_TRUNC : 0;
			try {
				return { fd: openSync(join(made(), given.slice(ROOT.length)), flags | replacing) };
			} catch (error) {
				return -(errnoNumber((error as NodeJS.ErrnoException).code ?? "") ?? 2);
			}
		},
		close() {
			if (folder === undefined) return;
			epoll.remove(watch);
			closeSync(watch);
			rmSync(folder, { recursive: true, force: true });
		},
	};
}

const isFlag = (knob: string): boolean => /^[YN]$/.test(FILES.failslab[knob]);

function valid(knob: string, text: string): boolean {
	if (isFlag(knob)) return /^[yn01]$/i.test(text);
	return knob === "times" ? /^-?\d{1,9}$/.test(text) : /^(?:\d{1,9}|0x[0-9a-f]{1,7})$/i.test(text);
}

function knobsOf(values: Readonly<Record<string, string>>): Knobs {
	const number = (knob: string): number => Number(values[knob]);
	const flag = (knob: string): boolean => /^[y1]$/i.test(values[knob]);
	return {
		probability: number("probability"),
		interval: number("interval"),
		times: number("times"),
		space: number("space"),
		verbose: number("verbose"),
		"task-filter": flag("task-filter"),
		"ignore-gfp-wait": flag("ignore-gfp-wait"),
		"cache-filter": flag("cache-filter"),
	};
}
