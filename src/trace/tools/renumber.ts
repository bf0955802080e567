/** Takes a step that makes objects out of a program and gives the objects after it the IDs that they have then. */
import { iommu_hwpt_pgfault } from "../../../structs/index.js";
import type { Kernel } from "../../kernel/kernel.js";
import { Objects } from "../export/objects.js";
import type { IoctlStep, ReadStep, Step } from "../format.js";
import { ProgramReplay } from "../replayer.js";
import { type Leaf, leavesOf, wholeStruct } from "./fields.js";

/** In place of a new ID: of an object that is not made any more. */
const gone = -1;

/**
 * The program without the step at `at`, as a kernel numbers its objects; recorded answers stay but for IDs.
 * @returns undefined if the step makes no object, if a later step uses one of its objects or files, or if a step then fails that did not
 */
export function withoutMaker(steps: readonly Step[], at: number, newKernel: () => Kernel): Step[] | undefined {
	const ids = new Objects<number>();
	const replay = new ProgramReplay(newKernel());
	const left: Step[] = [];
	try {
		for (const [number, step] of steps.entries()) {
			ids.follow(step);
			if (number === at) {
				const made = step.op === "ioctl" ? ids.made(step) : [];
				if (step.op !== "ioctl" || made.length === 0 || usesAny(steps.slice(at + 1), Object.values(step.fd_out ?? {}))) return undefined;
				for (const { id } of made) ids.keep(step, id, gone);
				continue;
			}
			const now = step.op === "ioctl" ? renumbered(step, ids, replay) : step.op === "read" ? readAgain(step, ids) : step;
			if (now === undefined) return undefined;
			if (step.op !== "ioctl") replay.run(now);
			left.push(now);
		}
		return left;
	} finally {
		replay.end();
	}
}

/** Whether a step is on one of these files, or passes it to a call. */
function usesAny(steps: readonly Step[], files: readonly string[]): boolean {
	if (files.length === 0) return false;
	return steps.some((step) => {
		const used = ["fd" in step ? step.fd : undefined, step.op === "mmap" ? step.memfd : undefined];
		return [...used, ...(step.op === "ioctl" ? Object.values(step.fd_in ?? {}) : [])].some(
			(name) => name !== undefined && files.includes(name),
		);
	});
}

/** A call with today's IDs, made, and what it answers with today's IDs. */
function renumbered(step: IoctlStep, ids: Objects<number>, replay: ProgramReplay): IoctlStep | undefined {
	if (step.arg === undefined) {
		replay.run(step);
		return step;
	}
	const given = patched(step, step.arg, (leaf) => ids.lookUp(step, leaf));
	if (given === undefined) return undefined;
	const asked: IoctlStep = { ...step, arg: given };
	const answer = replay.run(asked);
	const made = ids.made(step);
	if (made.length > 0 && answer?.ret !== undefined && answer.ret < 0) return undefined;
	const got = wholeStruct(step, answer?.bytes ?? step.out ?? given);
	const fresh = new Map(got && leavesOf(got.type, got.values).map(({ field, value }) => [field.path, value as number]));
	for (const { id, path } of made) ids.keep(step, id, fresh.get(path) ?? id);
	if (step.out === undefined) return asked;
	const makes = new Set(made.map(({ path }) => path));
	const out = patched(step, step.out, (leaf) => (makes.has(leaf.field.path) ? fresh.get(leaf.field.path) : ids.lookUp(step, leaf)));
	return out === undefined ? undefined : { ...asked, out };
}

/** Page faults name devices by their IDs. */
function readAgain(step: ReadStep, ids: Objects<number>): ReadStep | undefined {
	const { size, offsets } = iommu_hwpt_pgfault;
	const bytes = Buffer.from(step.data ?? "", "hex");
	if (bytes.length === 0 || bytes.length % size !== 0) return step;
	for (let at = offsets.dev_id; at < bytes.length; at += size) {
		const id = ids.inFile(step.fd, bytes.readUInt32LE(at));
		if (id === gone) return undefined;
		if (id !== undefined) bytes.writeUInt32LE(id, at);
	}
	return { ...step, data: bytes.toString("hex") };
}

/** A struct's bytes with other IDs; undefined if one of them is gone. */
function patched(step: IoctlStep, hex: string, newId: (leaf: Leaf) => number | undefined): string | undefined {
	const whole = wholeStruct(step, hex);
	if (whole === undefined) return hex;
	const bytes = Buffer.from(hex, "hex");
	for (const leaf of leavesOf(whole.type, whole.values)) {
		const id = newId(leaf);
		if (id === gone) return undefined;
		if (id !== undefined) bytes.writeUInt32LE(id, leaf.field.offset);
	}
	return bytes.toString("hex");
}
