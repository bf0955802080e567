/** Parses BTF, the kernel's type information: /sys/kernel/btf/vmlinux, and that of modules, which builds on it. */
// https://docs.kernel.org/bpf/btf.html says what it looks like.

/** BTF that does not make sense. */
export class BtfError extends Error {}

const MAGIC = 0xeb9f;
const HEADER = 24;
const TYPE = 12;

/** Kinds of types. */
export const KIND = {
	int: 1,
	ptr: 2,
	array: 3,
	struct: 4,
	union: 5,
	enum: 6,
	fwd: 7,
	typedef: 8,
	volatile: 9,
	const: 10,
	restrict: 11,
	func: 12,
	funcProto: 13,
	var: 14,
	datasec: 15,
	float: 16,
	declTag: 17,
	typeTag: 18,
	enum64: 19,
} as const;

/** Bytes behind a type's first 12, by its kind: for the type, and for each of its vlen members. */
const TAIL: readonly (readonly [fixed: number, each: number] | undefined)[] = [
	undefined,
	[4, 0],
	[0, 0],
	[12, 0],
	[0, 12],
	[0, 12],
	[0, 8],
	[0, 0],
	[0, 0],
	[0, 0],
	[0, 0],
	[0, 0],
	[0, 0],
	[0, 8],
	[4, 0],
	[0, 12],
	[0, 0],
	[4, 0],
	[0, 0],
	[0, 12],
];

export interface BtfType {
	readonly id: number;
	readonly kind: number;
	readonly name: string;
	readonly vlen: number;
	readonly kindFlag: boolean;
	/** in bytes, or the type that it refers to: the kind says which */
	readonly sizeOrType: number;
}

export interface BtfMember {
	readonly name: string;
	readonly type: number;
	/** in bits, from the start of the struct */
	readonly offset: number;
	/** of a bit field; 0 for any other member */
	readonly width: number;
}

export interface BtfConstant {
	readonly name: string;
	readonly value: bigint;
}

/** The types of one file; those of a module go on from its base's. */
export class Btf {
	readonly #view: DataView;
	readonly #bytes: Uint8Array;
	/** where each type is, from the first one of this file */
	readonly #at: Uint32Array;
	readonly #strings: { readonly at: number; readonly length: number };
	/** types and bytes of strings that come before this file's own */
	readonly #before: { readonly types: number; readonly strings: number };
	/** structs, unions and enums by name: the first one of each */
	readonly #named = new Map<string, number>();
	readonly base: Btf | undefined;

	/** @throws BtfError */
	constructor(bytes: Uint8Array, base?: Btf) {
		this.#bytes = bytes;
		this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
		this.base = base;
		const { types, strings } = this.#header();
		this.#strings = strings;
		this.#before = base === undefined ? { types: 1, strings: 0 } : { types: base.count, strings: base.stringsEnd };
		this.#at = this.#walk(types.at, types.at + types.length);
	}

	/** How many types there are, this file's and its base's, with void (0). */
	get count(): number {
		return this.#before.types + this.#at.length;
	}

	/** The first offset of strings that a file which builds on this one may use. */
	get stringsEnd(): number {
		return this.#before.strings + this.#strings.length;
	}

	#header(): Record<"types" | "strings", { at: number; length: number }> {
		const view = this.#view;
		if (view.byteLength < HEADER) throw new BtfError(`${view.byteLength} bytes are too few for BTF`);
		if (view.getUint16(0, true) !== MAGIC)
			throw new BtfError(
				view.getUint16(0, false) === MAGIC
					? "BTF of a big-endian machine"
					: "not BTF: it does not begin with 0xeb9f; objcopy -O binary --only-section=.BTF takes it out of an ELF file",
			);
		const header = view.getUint32(4, true);
		const part = (offset: number, what: string): { at: number; length: number } => {
			const at = header + view.getUint32(offset, true);
			const length = view.getUint32(offset + 4, true);
			if (header < HEADER || at < header || at + length > view.byteLength) throw new BtfError(`its ${what} lie outside of the file`);
			return { at, length };
		};
		return { types: part(8, "types"), strings: part(16, "strings") };
	}

	/** Finds every type, and the names of those that are looked up. */
	#walk(from: number, end: number): Uint32Array {
		const view = this.#view;
		// At least 12 bytes each.
		const found = new Uint32Array(Math.floor((end - from) / TYPE));
		let count = 0;
		for (let at = from; at < end; ) {
			if (at + TYPE > end) throw new BtfError(`type ${this.#before.types + count} is cut off`);
			const info = view.getUint32(at + 4, true);
			const kind = (info >>> 24) & 0x1f;
			const tail = TAIL[kind];
			if (tail === undefined) throw new BtfError(`type ${this.#before.types + count} is of kind ${kind}, which is not known`);
			const next = at + TYPE + tail[0] + tail[1] * (info & 0xffff);
			if (next > end) throw new BtfError(`type ${this.#before.types + count} is cut off`);
			if (kind === KIND.struct || kind === KIND.union || kind === KIND.enum || kind === KIND.enum64)
				this.#note(view.getUint32(at, true), count);
			found[count++] = at;
			at = next;
		}
		return found.subarray(0, count);
	}

	#note(nameOffset: number, index: number): void {
		if (nameOffset === 0) return;
		const name = this.string(nameOffset);
		if (!this.#named.has(name)) this.#named.set(name, this.#before.types + index);
	}

	/** A string by its offset. @throws BtfError */
	string(offset: number): string {
		const { base } = this;
		if (base !== undefined && offset < this.#before.strings) return base.string(offset);
		const own = offset - this.#before.strings;
		if (own >= this.#strings.length) throw new BtfError(`there is no string at ${offset}`);
		const at = this.#strings.at + own;
		const end = this.#bytes.indexOf(0, at);
		if (end < 0 || end >= this.#strings.at + this.#strings.length) throw new BtfError(`the string at ${offset} does not end`);
		return latin1(this.#bytes, at, end);
	}

	/** The struct, union or enum of a name, in this file or its base. */
	find(name: string, kinds: readonly number[] = [KIND.struct]): BtfType | undefined {
		const id = this.#named.get(name);
		const own = id === undefined ? undefined : this.type(id);
		return own && kinds.includes(own.kind) ? own : this.base?.find(name, kinds);
	}

	/** @throws BtfError if there is no such type */
	type(id: number): BtfType {
		if (id === 0) return { id, kind: 0, name: "void", vlen: 0, kindFlag: false, sizeOrType: 0 };
		if (this.base !== undefined && id < this.#before.types) return this.base.type(id);
		const at = this.#place(id);
		const view = this.#view;
		const info = view.getUint32(at + 4, true);
		return {
			id,
			kind: (info >>> 24) & 0x1f,
			name: this.string(view.getUint32(at, true)),
			vlen: info & 0xffff,
			kindFlag: info >>> 31 === 1,
			sizeOrType: view.getUint32(at + 8, true),
		};
	}

	#place(id: number): number {
		const at = this.#at[id - this.#before.types];
		if (at === undefined) throw new BtfError(`there is no type ${id}`);
		return at;
	}

	/** What is behind a type, in the file that has it. */
	#behind({ id }: BtfType): { readonly view: DataView; readonly at: number } {
		if (this.base !== undefined && id < this.#before.types) return this.base.#behind({ id } as BtfType);
		return { view: this.#view, at: this.#place(id) + TYPE };
	}

	/** The members of a struct or union. */
	members(type: BtfType): BtfMember[] {
		const { view, at } = this.#behind(type);
		return Array.from({ length: type.vlen }, (_, index) => {
			const from = at + index * 12;
			const word = view.getUint32(from + 8, true);
			return {
				name: this.string(view.getUint32(from, true)),
				type: view.getUint32(from + 4, true),
				offset: type.kindFlag ? word & 0xffffff : word,
				width: type.kindFlag ? word >>> 24 : 0,
			};
		});
	}

	/** The constants of an enum. */
	constants(type: BtfType): BtfConstant[] {
		const { view, at } = this.#behind(type);
		return Array.from({ length: type.vlen }, (_, index) => {
			if (type.kind === KIND.enum64) {
				const from = at + index * 12;
				const word = (BigInt(view.getUint32(from + 8, true)) << 32n) | BigInt(view.getUint32(from + 4, true));
				return { name: this.string(view.getUint32(from, true)), value: type.kindFlag ? BigInt.asIntN(64, word) : word };
			}
			const from = at + index * 8;
			return {
				name: this.string(view.getUint32(from, true)),
				value: BigInt(type.kindFlag ? view.getInt32(from + 4, true) : view.getUint32(from + 4, true)),
			};
		});
	}

	/** What an array holds. */
	array(type: BtfType): { readonly element: number; readonly length: number } {
		const { view, at } = this.#behind(type);
		return { element: view.getUint32(at, true), length: view.getUint32(at + 8, true) };
	}

	/** The type behind typedefs, const and the like. @throws BtfError if they never end */
	resolved(id: number): BtfType {
		let type = this.type(id);
		for (let steps = 0; TRANSPARENT.has(type.kind); steps++) {
			if (steps > 64) throw new BtfError(`type ${id} refers to itself`);
			type = this.type(type.sizeOrType);
		}
		return type;
	}

	/** In bytes. @throws BtfError for what has no size */
	sizeOf(id: number, depth = 0): number {
		if (depth > 32) throw new BtfError(`type ${id} holds itself`);
		const type = this.resolved(id);
		if (type.kind === KIND.ptr) return 8;
		if (type.kind === KIND.array) {
			const { element, length } = this.array(type);
			return length * this.sizeOf(element, depth + 1);
		}
		if (SIZED.has(type.kind)) return type.sizeOrType;
		throw new BtfError(`type ${id} has no size`);
	}
}

const TRANSPARENT: ReadonlySet<number> = new Set([KIND.typedef, KIND.volatile, KIND.const, KIND.restrict, KIND.typeTag]);
const SIZED: ReadonlySet<number> = new Set([KIND.int, KIND.struct, KIND.union, KIND.enum, KIND.enum64, KIND.float]);

/** Names are ASCII and short: a TextDecoder would take longer to call. */
function latin1(bytes: Uint8Array, from: number, end: number): string {
	return Buffer.prototype.latin1Slice.call(bytes, from, end);
}
