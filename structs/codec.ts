/** A struct's codec: compiled where possible, otherwise a walk over the declaration. */
import { type Compiled, compile, makeViews, type Views } from "./codec-compiled.js";
import { elementOf, readFields, writeFields } from "./codec-plain.js";
import { InputError } from "./errors.js";
import type { Layout } from "./layout.js";

const PIECE = 1024;

export class Codec<T> {
	readonly #compiled: Compiled<T> | undefined;
	/** One record's worth of aligned memory, for records that lie anywhere. */
	readonly #scratch: Views;
	readonly #view: DataView;
	readonly #name: string;
	readonly #layout: Layout;

	constructor(name: string, layout: Layout, compiler: typeof compile<T> = compile) {
		this.#name = name;
		this.#layout = layout;
		this.#compiled = compiler(layout.fields);
		const buffer = new ArrayBuffer(layout.size);
		this.#scratch = makeViews(buffer);
		this.#view = new DataView(buffer);
	}

	decode(bytes: Uint8Array, offset: number): T {
		if (!this.#compiled) return this.#decodePlain(bytes, offset);
		this.#toScratch(bytes, offset);
		return this.#compiled.decodeOne(this.#scratch, 0);
	}

	encode(value: unknown, into: Uint8Array | undefined, offset: number): Uint8Array {
		const { size } = this.#layout;
		const length = size + (into ? 0 : this.#tail(value));
		const bytes = into ?? new Uint8Array(length);
		if (offset < 0 || offset + size > bytes.length)
			throw new RangeError(`${this.#name}: ${size} bytes do not fit at offset ${offset} of ${bytes.length}`);
		const { u8 } = this.#scratch;
		if (this.#compiled && this.#compiled.encode([value], 0, 1, this.#cleared(), 0, size) === 1) {
			for (let i = 0; i < size; i++) bytes[offset + i] = u8[i];
			return bytes;
		}
		bytes.fill(0, offset, offset + length);
		writeFields(this.#layout.fields, value, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset, this.#name);
		return bytes;
	}

	encodeArray(values: readonly unknown[], into?: Uint8Array): Uint8Array {
		const { size, align, fields } = this.#layout;
		const length = values.length * size;
		const target = into ? into.subarray(0, length) : new Uint8Array(length);
		if (target.length < length)
			throw new RangeError(`${this.#name}: ${values.length} entries of ${size} bytes do not fit ${target.length} bytes`);
		if (!(target.buffer instanceof ArrayBuffer) || target.byteOffset % align !== 0) {
			target.set(this.encodeArray(values));
			return target;
		}
		if (into) target.fill(0);
		const base = target.byteOffset;
		const views = makeViews(target.buffer);
		let i = 0;
		while (i < values.length) {
			// In pieces: engines optimize a function that is called often better than one long loop.
			const to = Math.min(i + PIECE, values.length);
			i = this.#compiled?.encode(values, i, to, views, base, size) ?? i;
			if (i === to) continue;
			views.u8.fill(0, base + i * size, base + (i + 1) * size);
			writeFields(fields, values[i], new DataView(target.buffer), base + i * size, `entry ${i}: ${this.#name}`);
			i++;
		}
		return target;
	}

	decodeArray(bytes: Uint8Array): T[] {
		const { size, align } = this.#layout;
		const count = bytes.length / size;
		if (!Number.isInteger(count))
			throw new InputError(`${this.#name}: ${bytes.length} bytes are not a whole number of entries of ${size} bytes`);
		if (!this.#compiled) return Array.from({ length: count }, (_, i) => this.#decodePlain(bytes.subarray(i * size, (i + 1) * size), 0));
		const aligned = bytes.buffer instanceof ArrayBuffer && bytes.byteOffset % align === 0;
		const [buffer, base] = aligned ? [bytes.buffer as ArrayBuffer, bytes.byteOffset] : [new Uint8Array(bytes).buffer, 0];
		return this.#compiled.decode(makeViews(buffer), base, count, size);
	}

	#decodePlain(bytes: Uint8Array, offset: number): T {
		const { size, fields } = this.#layout;
		if (bytes.length - offset < size) {
			this.#toScratch(bytes, offset);
			return readFields(fields, this.#view, 0, size) as T;
		}
		return readFields(fields, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset, bytes.length) as T;
	}

	/** Copy one record; missing bytes count as zero, as when the kernel reads a short struct. */
	#toScratch(bytes: Uint8Array, offset: number): void {
		const { u8 } = this.#scratch;
		for (let i = 0; i < u8.length; i++) u8[i] = bytes[offset + i] ?? 0;
	}

	#cleared(): Views {
		this.#scratch.u8.fill(0);
		return this.#scratch;
	}

	/** Size of a value's flexible array, in bytes. */
	#tail(value: unknown): number {
		const last = this.#layout.fields.at(-1);
		if (last?.length !== 0) return 0;
		const elements = (value as Readonly<Record<string, unknown>> | null)?.[last.name];
		return Array.isArray(elements) || ArrayBuffer.isView(elements) ? (elements as ArrayLike<unknown>).length * elementOf(last).step : 0;
	}
}
