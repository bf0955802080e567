/** Exports a program of a trace as syzkaller's text. */
import type { FieldInfo, StructType } from "../../../structs/index.js";
import type { IoctlStep, Step } from "../format.js";
import { requestNumber, shownRequest } from "../requests.js";
import { type Leaf, wholeStruct } from "../tools/fields.js";
import type { Program } from "../tools/programs.js";
import { stepLine } from "../tools/show.js";
import type { Exported } from "./c.js";
import { ProgramMemory } from "./memory.js";
import { Objects } from "./objects.js";
import { type Pointee, SYZ_BASE, SYZ_SIZE, type SyzCall, syzCalls } from "./syz-calls.js";

/** The most bytes that are written out for a pointer to data; a length stands for the rest. */
const LONGEST_DATA = 64;

/** One program as syzkaller's text: the calls that syzkaller describes; the others are named in comments and in `skipped`. */
export function exportSyz(program: Program): Exported {
	const writer = new SyzWriter();
	const skipped: string[] = [];
	const lines = program.steps.flatMap((step, at) => {
		try {
			return writer.step(step);
		} catch (error) {
			if (!(error instanceof Untold)) throw error;
			skipped.push(`step ${at + 1}: ${step.op === "ioctl" ? shownRequest(step) : step.op}: ${error.message}`);
			return [`# left out: ${stepLine(step).replaceAll("\n", " ")}`];
		}
	});
	return { text: `# ${program.name.replaceAll("\n", " ")}\n${lines.join("\n")}\n`, skipped };
}

/** Why a step cannot be written in a syzkaller program. */
class Untold extends Error {}

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

class SyzWriter {
	readonly #objects = new Objects<{ variable: string; kind: string }>();
	readonly #files = new Map<string, string>();
	readonly #pins = new Map<string, string>();
	readonly #memory = new ProgramMemory(SYZ_BASE, SYZ_SIZE);
	#count = 0;

	step(step: Step): string[] {
		if (step.process !== undefined) throw new Untold("is a child process's");
		this.#memory.follow(step);
		this.#objects.follow(step);
		switch (step.op) {
			case "open":
				if (step.path !== "/dev/iommu" || step.fd === undefined) throw new Untold(`${step.path} has no description`);
				return [`${this.#file(step.fd)} = openat$iommufd(0xffffffffffffff9c, &AUTO='/dev/iommu\\x00', 0x2, 0x0)`];
			case "close":
				return [`close(${this.#known(step.fd)})`];
			case "mmap":
			case "munmap":
			case "poke":
			case "mprotect":
			case "madvise":
				// In syzkaller's programs, memory is always mapped and is written through the calls' pointers.
				return [];
			case "ioctl":
				return [this.#ioctl(step)];
			default:
				throw new Untold("has no description");
		}
	}

	#ioctl(step: IoctlStep): string {
		const request = requestNumber(step.request);
		const file = this.#known(step.fd);
		const described = syzCalls.filter((call) => call.ioctl.request === request && !call.other);
		if (described.length === 0) throw new Untold("has no description");
		const [first] = described;
		if (first.argument !== "struct") {
			if (step.arg_value === undefined) throw new Untold("syzkaller describes its argument as a number");
			const value = first.argument === "none" ? "" : `, ${hex(BigInt(step.arg_value))}`;
			return `ioctl$${first.name}(${file}, ${hex(request)}${value})`;
		}
		const rest = described.some((one) => one.rest) ? step.arg?.slice((first.ioctl.struct?.size ?? 0) * 2) : "";
		const whole = step.arg === undefined ? undefined : wholeStruct(step, step.arg.slice(0, step.arg.length - (rest?.length ?? 0)));
		if (whole === undefined || step.arg === undefined) throw new Untold("its argument is not a complete struct");
		const bytes = Buffer.from(step.arg, "hex");
		const { call, pages } = this.#choose(step, described, bytes);
		const text = this.#structText(step, call, pages, bytes, whole.type);
		const behind = rest ? `, "${rest}"` : (call.behind ?? "");
		const failing = step.fail_nth === undefined ? "" : ` (fail_nth: ${step.fail_nth})`;
		return `ioctl$${call.name}(${file}, ${hex(request)}, &AUTO={${text}${behind}})${failing}`;
	}

	/** The description whose constants the struct has. */
	#choose(step: IoctlStep, described: readonly SyzCall[], bytes: Buffer): { call: SyzCall; pages: boolean } {
		const fits = described.filter(({ when, fields }) =>
			Object.entries(when).every(([path, value]) => read(bytes, fields.find((field) => field.path === path) as FieldInfo) === value),
		);
		if (fits.length === 0) throw new Untold("no description has these constants");
		const [one] = fits;
		if (one.kind !== undefined) {
			const leaf = { field: one.fields[1], value: bytes.readUInt32LE(4) };
			const kind = this.#objects.lookUp(step, leaf)?.kind;
			return { call: fits.find((other) => other.kind === kind) ?? one, pages: false };
		}
		const wholePages = fits.find(({ pointees }) => pointees[0]?.pages);
		if (wholePages === undefined) return { call: one, pages: false };
		const at = (path: string) => read(bytes, wholePages.fields.find((field) => field.path === path) as FieldInfo);
		const aligned = ((at("user_va") | at("length")) & 4095n) === 0n && at("length") > 0n;
		return { call: aligned ? wholePages : (fits.find((other) => other !== wholePages) as SyzCall), pages: aligned };
	}

	#structText(step: IoctlStep, call: SyzCall, pages: boolean, bytes: Buffer, type: StructType): string {
		const size = bytes.readUInt32LE(0);
		if (!call.rest && bytes.subarray(call.size).some((byte) => byte !== 0))
			throw new Untold("fields missing from the description are not zero");
		const results = this.#results(step, call);
		return call.fields
			.map((field) => {
				if (field.offset === 0) return hex(size === type.size ? call.size : size);
				const value = read(bytes, field);
				const result = results.get(field.offset);
				if (result !== undefined) return `<${result}=>${hex(value)}`;
				const pointee = call.pointees.find((one) => one.field === field.path);
				if (pointee !== undefined) return this.#pointer(call, pointee, pages, bytes, value);
				return this.#resource(step, { field, value: field.size === 8 ? value : Number(value) }) ?? hex(value);
			})
			.join(", ");
	}

	/** Variables for the files and objects that a call returns, by the offset of their field. */
	#results(step: IoctlStep, call: SyzCall): Map<number, string> {
		const found = new Map<number, string>();
		if (step.ret < 0) return found;
		const has = (path: string) => call.fields.some((field) => field.path === path);
		for (const [offset, name] of Object.entries(step.fd_out ?? {})) found.set(Number(offset), this.#file(name));
		for (const { kind, id, path } of this.#objects.made(step)) {
			if (!has(path)) continue;
			const variable = `r${this.#count++}`;
			this.#objects.keep(step, id, { variable, kind });
			found.set((call.fields.find((field) => field.path === path) as FieldInfo).offset, variable);
		}
		const pinned = call.fields.find(({ path }) => path === "access_pages.out_access_pages_id");
		if (pinned !== undefined && step.out !== undefined) {
			const variable = `r${this.#count++}`;
			this.#pins.set(`${Object.values(step.fd_in ?? {})[0]} ${read(Buffer.from(step.out, "hex"), pinned)}`, variable);
			found.set(pinned.offset, variable);
		}
		return found;
	}

	#resource(step: IoctlStep, leaf: Leaf): string | undefined {
		const file = step.fd_in?.[leaf.field.offset];
		if (file !== undefined) return this.#known(file);
		if (leaf.field.path === "destroy_access_pages.access_pages_id")
			return this.#pins.get(`${Object.values(step.fd_in ?? {})[0]} ${leaf.value}`);
		return this.#objects.lookUp(step, leaf)?.variable;
	}

	#pointer(call: SyzCall, pointee: Pointee, pages: boolean, bytes: Buffer, addr: bigint): string {
		const number = (path: string | undefined) => {
			const field = call.fields.find((one) => one.path === path);
			return field === undefined ? 0 : Number(read(bytes, field));
		};
		if (addr === 0n) return "0x0";
		const count = pointee.count === undefined ? 1 : number(pointee.count);
		const length = pointee.type === undefined ? number(pointee.length) : pointee.type.size * count;
		const place = this.#memory.place(addr, Math.min(length, Number(SYZ_SIZE)));
		if (place === undefined || length > Number(SYZ_SIZE))
			throw new Untold(`${pointee.field} points to ${hex(addr)}, where the program has no such memory`);
		const at = `&(${hex(place)}`;
		if (pages) return `${at}/${hex(length)})=nil`;
		if (pointee.out && pointee.type === undefined) return `${at})=""/${length || 8}`;
		if (pointee.type === undefined) return `${at})="${this.#memory.read(addr, Math.min(length, LONGEST_DATA)).toString("hex")}"`;
		const one = (index: number) =>
			recordText(pointee.type as StructType, this.#memory.read(addr + BigInt(index * (pointee.type?.size ?? 0)), pointee.type?.size ?? 0));
		const records = Array.from({ length: count }, (_, index) => one(index));
		return pointee.count === undefined ? `${at})=${records[0]}` : `${at})=[${records.join(", ")}]`;
	}

	#file(name: string): string {
		const variable = `r${this.#count++}`;
		this.#files.set(name, variable);
		return variable;
	}

	#known(name: string): string {
		const variable = this.#files.get(name);
		if (variable === undefined) throw new Untold(`the file ${name} has no description`);
		return variable;
	}
}

function recordText(type: StructType, bytes: Buffer): string {
	return `{${type.leaves.map((field) => hex(read(bytes, field))).join(", ")}}`;
}

/** A field's number in little-endian bytes; 0 if they end before it. */
function read(bytes: Buffer, field: FieldInfo): bigint {
	let value = 0n;
	for (let at = Math.min(field.size, bytes.length - field.offset) - 1; at >= 0; at--)
		value = (value << 8n) | BigInt(bytes[field.offset + at]);
	return value;
}
