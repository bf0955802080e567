/** The processes that descend from this one. */
import { readdirSync, readFileSync } from "node:fs";
import type { Native } from "./native.js";

const PR_SET_CHILD_SUBREAPER = 36;
const WNOHANG = 1;

/** Orphans among the descendants become children of this process. */
export function adoptOrphans(native: Native): void {
	native.call("prctl", PR_SET_CHILD_SUBREAPER, 1);
}

interface Child {
	readonly pid: number;
	readonly zombie: boolean;
}

/**
 * Kills all descendants but `spared` (whose own it kills), and reaps orphans. Whoever started the child `program` reaps it.
 * @returns how many were alive
 */
export function killDescendants(native: Native, spared: ReadonlySet<number>, program: number | undefined): number {
	let alive = 0;
	const visit = (pid: number, ours: boolean): void => {
		for (const child of childrenOf(pid)) {
			visit(child.pid, false);
			if (spared.has(child.pid)) continue;
			if (child.zombie) {
				if (ours && child.pid !== program) native.call("wait4", child.pid, 0, WNOHANG, 0);
				continue;
			}
			alive++;
			try {
				process.kill(child.pid, "SIGKILL");
			} catch {}
		}
	};
	visit(process.pid, true);
	return alive;
}

/** The processes that descend from this one; those that end or begin meanwhile may be missing. */
export function* descendantPids(of = process.pid): Generator<number> {
	for (const { pid } of childrenOf(of)) {
		yield pid;
		yield* descendantPids(pid);
	}
}

function childrenOf(pid: number): Child[] {
	try {
		return readdirSync(`/proc/${pid}/task`).flatMap((tid) =>
			readFileSync(`/proc/${pid}/task/${tid}/children`, "latin1")
				.split(" ")
				.filter(Boolean)
				.map((word) => ({ pid: Number(word), zombie: isZombie(word) })),
		);
	} catch {
		return [];
	}
}

function isZombie(pid: string): boolean {
	try {
		return /\) Z /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
	} catch {
		return true;
	}
}
