/** Writes BTF, for tests: types are added one by one and get their IDs. */

type MemberInput = readonly [name: string, type: number, bits: number, width?: number];

export class BtfWriter {
	readonly #types: number[] = [];
	#count: number;
	#strings = Buffer.from("\0");
	readonly #known = new Map<string, number>([["", 0]]);
	readonly #stringsFrom: number;

	/** @param base what the file builds on: its number of types, with void, and its bytes of strings */
	constructor(base?: { readonly types: number; readonly strings: number }) {
		this.#count = base?.types ?? 1;
		this.#stringsFrom = base?.strings ?? 0;
		if (base) this.#strings = Buffer.alloc(0);
	}

	/** What a file that builds on this one has to know. */
	get end(): { readonly types: number; readonly strings: number } {
		return { types: this.#count, strings: this.#stringsFrom + this.#strings.length };
	}

	string(text: string): number {
		let at = this.#known.get(text);
		if (at === undefined) {
			at = this.#stringsFrom + this.#strings.length;
			this.#strings = Buffer.concat([this.#strings, Buffer.from(`${text}\0`)]);
			this.#known.set(text, at);
		}
		return at;
	}

	#add(kind: number, name: string, vlen: number, third: number, tail: readonly number[] = [], flag = false): number {
		this.#types.push(this.string(name), ((flag ? 0x80000000 : 0) | (kind << 24) | vlen) >>> 0, third, ...tail);
		return this.#count++;
	}

	int(name: string, size: number): number {
		return this.#add(1, name, 0, size, [size * 8]);
	}

	pointer(to: number): number {
		return this.#add(2, "", 0, to);
	}

	array(element: number, index: number, length: number): number {
		return this.#add(3, "", 0, 0, [element, index, length]);
	}

	struct(name: string, size: number, members: readonly MemberInput[], kind = 4): number {
		const flag = members.some(([, , , width]) => width !== undefined);
		const tail = members.flatMap(([member, type, bits, width = 0]) => [this.string(member), type, flag ? (width << 24) | bits : bits]);
		return this.#add(kind, name, members.length, size, tail, flag);
	}

	union(name: string, size: number, members: readonly MemberInput[]): number {
		return this.struct(name, size, members, 5);
	}

	enum(name: string, values: Readonly<Record<string, number>>): number {
		const tail = Object.entries(values).flatMap(([constant, value]) => [this.string(constant), value >>> 0]);
		return this.#add(6, name, tail.length / 2, 4, tail);
	}

	enum64(name: string, values: Readonly<Record<string, bigint>>): number {
		const tail = Object.entries(values).flatMap(([constant, value]) => [
			this.string(constant),
			Number(value & 0xffffffffn),
			Number(value >> 32n),
		]);
		return this.#add(19, name, tail.length / 3, 8, tail);
	}

	/** typedef (8), volatile (9), const (10), restrict (11) and others that refer to a type */
	refer(kind: number, name: string, to: number): number {
		return this.#add(kind, name, 0, to);
	}

	/** Any kind, with any words behind it. */
	raw(kind: number, vlen: number, third: number, tail: readonly number[]): number {
		return this.#add(kind, "", vlen, third, tail);
	}

	bytes(): Uint8Array {
		const types = Buffer.alloc(this.#types.length * 4);
		for (const [at, word] of this.#types.entries()) types.writeUInt32LE(word >>> 0, at * 4);
		const header = Buffer.alloc(24);
		header.writeUInt16LE(0xeb9f, 0);
		header[2] = 1;
		header.writeUInt32LE(24, 4);
		header.writeUInt32LE(0, 8);
		header.writeUInt32LE(types.length, 12);
		header.writeUInt32LE(types.length, 16);
		header.writeUInt32LE(this.#strings.length, 20);
		return Buffer.concat([header, types, this.#strings]);
	}
}

/** Two structs and an enum of iommufd as Linux 7.3 has them. */
export function iommufd(writer = new BtfWriter()): BtfWriter {
	const u32 = writer.refer(8, "__u32", writer.int("unsigned int", 4));
	const u64 = writer.refer(8, "__u64", writer.int("unsigned long long", 8));
	writer.struct("iommu_destroy", 8, [
		["size", u32, 0],
		["id", u32, 32],
	]);
	writer.struct("iommu_ioas_unmap", 24, [
		["size", u32, 0],
		["ioas_id", u32, 32],
		["iova", u64, 64],
		["length", u64, 128],
	]);
	writer.enum("iommufd_option", { IOMMU_OPTION_RLIMIT_MODE: 0, IOMMU_OPTION_HUGE_PAGES: 1 });
	return writer;
}

/** An ELF file of 64 bits with these sections. */
export function elf(sections: Readonly<Record<string, Uint8Array>>): Uint8Array {
	const names = ["", ...Object.keys(sections), ".shstrtab"];
	const strings = Buffer.from(names.map((name) => `${name}\0`).join(""));
	const bodies = [Buffer.alloc(0), ...Object.values(sections).map((one) => Buffer.from(one)), strings];
	let at = 64;
	const headers = Buffer.alloc(names.length * 64);
	for (const [index, body] of bodies.entries()) {
		headers.writeUInt32LE(index === 0 ? 0 : strings.indexOf(`${names[index]}\0`), index * 64);
		headers.writeBigUInt64LE(BigInt(at), index * 64 + 24);
		headers.writeBigUInt64LE(BigInt(body.length), index * 64 + 32);
		at += body.length;
	}
	const header = Buffer.alloc(64);
	header.write("\x7fELF\x02\x01\x01", "latin1");
	header.writeBigUInt64LE(BigInt(at), 40);
	header.writeUInt16LE(64, 58);
	header.writeUInt16LE(names.length, 60);
	header.writeUInt16LE(names.length - 1, 62);
	return Buffer.concat([header, ...bodies, headers]);
}
