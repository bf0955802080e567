/** Forwards guests' invalidation queues to the kernel as invalidation arrays (proposed in 2018). */
import type { Values } from "../../formats/words.js";
import type { GuestQueue, Judged, Targets } from "../vendors/guest-queue.js";
import { vendors } from "../vendors/registry.js";
import type { Vendor } from "../vendors/vendor.js";

/** A vendor whose guests have a queue. */
export type QueueVendor = Vendor & { readonly queue: GuestQueue };

/** The vendors whose guests have a queue. */
export function queueVendors(all: readonly Vendor[] = vendors): QueueVendor[] {
	return all.filter((vendor): vendor is QueueVendor => vendor.queue !== undefined);
}

/** A descriptor, and how it is handled. */
export interface Forwarded extends Judged {
	/** its place in the queue */
	readonly index: number;
}

/** An array for one IOMMU_HWPT_INVALIDATE. */
export interface InvalidationArray {
	/** a nested page table, or a virtual IOMMU */
	readonly target: number;
	/** indices of the descriptors that it was made from */
	readonly from: readonly number[];
	readonly bytes: Uint8Array;
	readonly count: number;
}

/** Splits a queue's bytes into descriptors of `size` bytes. */
export function splitQueue(bytes: Uint8Array, size: number): Uint8Array[] {
	return Array.from({ length: Math.floor(bytes.length / size) }, (_, at) => bytes.subarray(at * size, (at + 1) * size));
}

/** Decides how each descriptor is handled. Nothing is fetched behind one at which the hardware stops its queue. */
export function forward(queue: GuestQueue, descriptors: readonly Uint8Array[], targets: Targets): Forwarded[] {
	let stopped: { readonly index: number; readonly error: string } | undefined;
	return descriptors.map((bytes, index) => {
		const judged = queue.forward(bytes, targets);
		if (stopped !== undefined) {
			const why = `not fetched: the queue stops at descriptor ${stopped.index} (${stopped.error})`;
			return { index, ...judged, fate: { kind: "lost" as const, why } };
		}
		if (judged.stops !== undefined) stopped = { index, error: judged.stops };
		return { index, ...judged };
	});
}

/** Groups the entries for each target into arrays, in order, at most `batch` entries in each. */
export function batches(list: readonly Forwarded[], batch: number): InvalidationArray[] {
	const arrays: { target: number; from: number[]; parts: Uint8Array[] }[] = [];
	const open = new Map<number, (typeof arrays)[number]>();
	for (const { index, fate, waits } of list) {
		// entries after a wait may not overtake it
		if (fate.kind === "vmm" || waits) open.clear();
		if (fate.kind !== "entry" && fate.kind !== "entries") continue;
		for (const target of fate.kind === "entry" ? [fate.target] : fate.targets) {
			let array = open.get(target);
			if (array === undefined || array.from.length >= batch) {
				array = { target, from: [], parts: [] };
				open.set(target, array);
				arrays.push(array);
			}
			array.from.push(index);
			array.parts.push(fate.bytes);
		}
	}
	return arrays.map(({ target, from, parts }) => ({ target, from, bytes: concat(parts), count: parts.length }));
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
	const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
	let at = 0;
	for (const part of parts) {
		all.set(part, at);
		at += part.length;
	}
	return all;
}

/** Encodes a descriptor of `vendor`'s queue from its name and fields. Throws a RangeError that says what is wrong. */
export function encodeDescriptor({ kind, queue }: QueueVendor, name: string, fields: Readonly<Values>, size: number): Uint8Array {
	if (!queue.names.includes(name)) throw new RangeError(`no ${kind} descriptor is called "${name}"; there are ${queue.names.join(", ")}`);
	return queue.encode(name, fields, size);
}
