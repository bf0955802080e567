/** The struct of a call while the command line fills it. */
import type { FieldInfo, StructType } from "../../../structs/index.js";
import { readLeaf, writeLeaf } from "../../client/leaves.js";
import { DryScratch, MemoryError, type Placer } from "../../client/memory.js";
import { PROT_READ, PROT_WRITE } from "../../kernel/kernel.js";
import type { Invocation } from "../frame/command.js";
import { UsageError } from "../frame/exit.js";
import { hex, sizeText } from "../frame/text.js";

export type FieldValue = bigint | readonly bigint[];

/** The longest buffer for a struct whose size field claims more (bytes): what lies behind it is not our memory. */
const longest = 1 << 20;

/** A struct on its way to the kernel: which fields were given, which follow from others. */
export class Draft {
	/** remarks for people, and for JSON */
	readonly notes: string[] = [];
	/** further calls after the first, each with what differs from it */
	readonly rounds: ReadonlyMap<string, FieldValue>[] = [];
	readonly #values = new Map<string, FieldValue>();
	readonly #fields: ReadonlyMap<string, FieldInfo>;
	readonly #asked = new Set<string>();
	readonly #forced: [FieldInfo, FieldValue][] = [];
	readonly #allocated: { addr: bigint; length: bigint; note: string }[] = [];
	#tail: Uint8Array = new Uint8Array();

	constructor(
		readonly struct: StructType,
		readonly inv: Invocation,
		readonly placer: Placer,
	) {
		this.#fields = new Map(struct.leaves.map((leaf) => [leaf.path, leaf]));
	}

	/** Whether the user gave this field, in any way. */
	given(path: string): boolean {
		return this.#asked.has(path);
	}

	/** A field as the user gave it. */
	give(path: string, value: FieldValue): void {
		this.#asked.add(path);
		this.#values.set(path, value);
	}

	/** A field set raw, which overrides everything else (`--set`). */
	force(field: FieldInfo, value: FieldValue): void {
		this.#asked.add(field.path);
		this.#values.set(field.path, value);
		this.#forced.push([field, value]);
	}

	/** A field that follows from something else; what the user gave stays. */
	fill(path: string, value: FieldValue): void {
		if (!this.given(path)) this.#values.set(path, value);
	}

	/** Flags that another option implies: they are added to those that the user gave, except to a field set raw. */
	imply(path: string, flags: number | bigint): void {
		if (!this.#forced.some(([field]) => field.path === path)) this.#values.set(path, this.get(path) | BigInt(flags));
	}

	get(path: string): bigint {
		const value = this.#values.get(path) ?? 0n;
		return typeof value === "bigint" ? value : value[0];
	}

	setTail(tail: Uint8Array): void {
		this.#tail = tail;
	}

	get dry(): boolean {
		return this.placer instanceof DryScratch;
	}

	/** Memory of the program that stays after the call. @returns its address */
	async allocate(length: bigint, what: string): Promise<bigint> {
		const { placer } = this;
		if (placer instanceof DryScratch) return placer.reserve(length);
		const kernel = await this.inv.context.kernel();
		const addr = kernel.mmap({ addr: 0n, length, prot: PROT_READ | PROT_WRITE });
		if (addr < 0n) throw new MemoryError(Number(-addr), `cannot allocate ${sizeText(length)} of memory`);
		this.inv.context.regions.set(addr, { addr, length, what });
		this.#allocated.push({ addr, length, note: `${sizeText(length)} of memory allocated at ${hex(addr)}` });
		return addr;
	}

	/** After the call: memory allocated only for it is freed if it failed; otherwise a note names it. */
	async settle(failed: boolean): Promise<void> {
		for (const { addr, length, note } of this.#allocated.splice(0)) {
			if (!failed) {
				this.notes.push(note);
				continue;
			}
			this.inv.context.regions.delete(addr);
			(await this.inv.context.kernel()).munmap(addr, length);
		}
	}

	/** The bytes of one call. */
	bytes(round?: ReadonlyMap<string, FieldValue>): Uint8Array {
		const { struct } = this;
		const tail = this.#tail;
		const sizeField = struct.leaves[0];
		const claimed = this.given(sizeField.path) ? this.get(sizeField.path) : BigInt(struct.size + tail.length);
		const length = Math.max(struct.size + tail.length, Number(claimed < longest ? claimed : 0n));
		const bytes = new Uint8Array(length);
		for (const [path, value] of [...this.#values, ...(round ?? [])]) {
			const field = this.#fields.get(path);
			if (!field) throw new UsageError(`struct ${struct.name} has no field ${path}`);
			writeLeaf(bytes, field, value);
		}
		if (!this.given(sizeField.path)) writeLeaf(bytes, sizeField, claimed);
		bytes.set(tail, struct.size);
		for (const [field, value] of this.#forced) writeLeaf(bytes, field, value);
		return bytes;
	}

	/** Writes a field raw into bytes. */
	write(bytes: Uint8Array, field: FieldInfo, value: FieldValue): void {
		writeLeaf(bytes, field, value);
	}

	/** A field of bytes that were sent or came back. */
	read(bytes: Uint8Array, path: string): bigint {
		const field = this.#fields.get(path);
		return field ? readLeaf(bytes, field) : 0n;
	}
}
