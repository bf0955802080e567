/** Reads typed fields of a machine description, and reports mistakes with the path to the field. */
import { Problem } from "../../../structs/errors.js";
import { type Bdf, parseBdf } from "./bdf.js";

export type Path = readonly (string | number)[];

/** A mistake in a machine description: where it is and what is wrong. */
export class MachineError extends Problem {
	constructor(
		readonly path: Path,
		readonly problem: string,
		/** file and line, where the description came from a file */
		readonly place?: { file: string; line?: number },
	) {
		const where = place ? `${place.file}${place.line ? `:${place.line}` : ""}: ` : "";
		const field = pathText(path);
		super("usage", `${where}${field ? `${field}: ` : ""}${problem}`);
	}
}

export function pathText(path: Path): string {
	let text = "";
	for (const step of path) {
		if (typeof step === "number") text += `[${step}]`;
		else text += text ? `.${step}` : step;
	}
	return text;
}

/** Reads the fields of one mapping and refuses those that nobody asked for. */
export class Fields {
	readonly #known = new Set<string>();

	private constructor(
		readonly raw: Readonly<Record<string, unknown>>,
		readonly path: Path,
	) {}

	static of(value: unknown, path: Path): Fields {
		if (typeof value !== "object" || value === null || Array.isArray(value))
			throw new MachineError(path, `expected a mapping of fields, not ${kindOf(value)}`);
		return new Fields(value as Record<string, unknown>, path);
	}

	fail(name: string, problem: string): never {
		throw new MachineError([...this.path, name], problem);
	}

	get(name: string): unknown {
		this.#known.add(name);
		const value = this.raw[name];
		return value === null ? undefined : value;
	}

	need<T>(name: string, value: T | undefined): T {
		if (value === undefined) throw new MachineError(this.path, `the field "${name}" is missing`);
		return value;
	}

	text(name: string): string | undefined {
		const value = this.get(name);
		if (value !== undefined && typeof value !== "string") this.fail(name, `expected text, not ${kindOf(value)}`);
		return value;
	}

	bool(name: string, otherwise: boolean): boolean {
		const value = this.get(name);
		if (value === undefined) return otherwise;
		if (typeof value !== "boolean") this.fail(name, `expected true or false, not ${kindOf(value)}`);
		return value;
	}

	u64(name: string, max = 0xffff_ffff_ffff_ffffn): bigint | undefined {
		const value = this.get(name);
		return value === undefined ? undefined : readInteger(value, [...this.path, name], max);
	}

	int(name: string, max: number): number | undefined {
		const value = this.u64(name, BigInt(max));
		return value === undefined ? undefined : Number(value);
	}

	bdf(name: string): Bdf | undefined {
		const value = this.text(name);
		if (value === undefined) return undefined;
		return parseBdf(value) ?? this.fail(name, `"${value}" is not a PCI address such as 0000:00:10.0`);
	}

	choice<T extends string>(name: string, choices: readonly T[]): T | undefined {
		const value = this.text(name);
		if (value === undefined) return undefined;
		const found = choices.find((c) => c === value);
		return found ?? this.fail(name, `"${value}" is not one of ${choices.join(", ")}`);
	}

	list(name: string): { value: unknown; path: Path }[] {
		const value = this.get(name);
		if (value === undefined) return [];
		if (!Array.isArray(value)) this.fail(name, `expected a list, not ${kindOf(value)}`);
		return value.map((v, i) => ({ value: v, path: [...this.path, name, i] }));
	}

	/** A list of words, each one of `choices`, none twice. */
	choices<T extends string>(name: string, choices: readonly T[]): T[] {
		const chosen: T[] = [];
		for (const { value, path } of this.list(name)) {
			const found = choices.find((each) => each === value);
			if (found === undefined) throw new MachineError(path, `${kindOf(value)} is not one of ${choices.join(", ") || "none"}`);
			if (chosen.includes(found)) throw new MachineError(path, `${found} is listed twice`);
			chosen.push(found);
		}
		return chosen;
	}

	/** Reads each mapping of a list. */
	each<T>(name: string, read: (fields: Fields) => T): T[] {
		return this.list(name).map(({ value, path }) => {
			const fields = Fields.of(value, path);
			const result = read(fields);
			fields.done();
			return result;
		});
	}

	map<T>(name: string, read: (fields: Fields) => T): T {
		const fields = Fields.of(this.get(name) ?? {}, [...this.path, name]);
		const result = read(fields);
		fields.done();
		return result;
	}

	/** Refuses fields that were never asked for: a misspelt one must not be ignored. */
	done(): void {
		for (const name of Object.keys(this.raw)) {
			if (!this.#known.has(name)) this.fail(name, `no such field; there are ${[...this.#known].join(", ")}`);
		}
	}
}

/** An integer from 0 to `max`: a number, or text such as "0x1000". */
export function readInteger(value: unknown, path: Path, max: bigint): bigint {
	const number = toInteger(value);
	if (number === undefined) throw new MachineError(path, `expected an integer such as 0x1000, not ${kindOf(value)}`);
	if (number < 0n || number > max) throw new MachineError(path, `${number} is out of range (0 to ${max})`);
	return number;
}

function toInteger(value: unknown): bigint | undefined {
	if (typeof value === "bigint") return value;
	if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : undefined;
	if (typeof value === "string" && /^(0x[0-9a-f]+|[0-9]+)$/i.test(value)) return BigInt(value);
	return undefined;
}

function kindOf(value: unknown): string {
	if (value === undefined || value === null) return "nothing";
	if (Array.isArray(value)) return "a list";
	if (typeof value === "object") return "a mapping";
	// the file may not be text: escape control characters, which a terminal would act on
	const text = JSON.stringify(String(value));
	return text.length > 60 ? `${text.slice(0, 60)}..."` : text;
}
