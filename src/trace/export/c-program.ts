/** Writes one program of a trace as a C function. */
import {
	InputError,
	ioctlByName,
	ioctlByRequest,
	iommu_hwpt_page_response,
	iommu_hwpt_pgfault,
	isMadeFile,
	type StructType,
} from "../../../structs/index.js";
import { FieldError } from "../check.js";
import type { IoctlStep, PollName, RecordedRet, Step, TraceNumber } from "../format.js";
import { requestNumber, requestStruct, shownRequest } from "../requests.js";
import { changedLeaves, type Leaf, leavesOf, wholeStruct } from "../tools/fields.js";

import { pathAt } from "../tools/show.js";

import { bytesLines, type Constants, initialisers, number, uniformByte } from "./c-values.js";
import { Objects } from "./objects.js";

/** Helper functions at the start of the file; only those in use are written. */
export type Helper = "answers" | "eventfd" | "userfaultfd" | "map" | "field" | "memory" | "bytes" | "poll" | "fill";

/** What the file needs besides its programs: structs, constants and functions. */
export interface Needs {
	readonly constants: Constants;
	/** by name, with the union members that are used */
	readonly structs: Map<StructType, Set<string>>;
	readonly helpers: Set<Helper>;
	/** paths that are opened */
	readonly paths: Set<string>;
	/** what cannot be written in C */
	readonly skipped: string[];
}

type Line = string | { readonly variable: string; readonly text: string };

/** Names that a file's variable may not have: what the program calls or declares. */
const TAKEN =
	/^(?:cmd|arg|got|want|buffer|main|open|close|read|write|pread|pwrite|ioctl|poll|mmap|munmap|answers|field|memory|check_.*|int|char|long|if|for|do|case|void|auto|enum|else|goto|static|struct|union|switch|return|signed|unsigned|short|float|double|const|sizeof|typedef|volatile|while|break|continue|default|extern|register|restrict|inline|asm|errno|failures|stdin|stdout|stderr)$/;

/** One program as a C function. */
export class ProgramWriter {
	readonly #lines: Line[] = [];
	readonly #files = new Map<string, string>();
	readonly #kinds = new Map<string, string>();
	readonly #opened: string[] = [];
	readonly #mapped = new Map<bigint, bigint>();
	readonly #objects = new Objects<string>();
	readonly #counts = new Map<string, number>();
	readonly #usedVariables = new Set<string>();
	#step = 0;
	/** the call has no answer */
	#pending = false;
	readonly #name: string;
	readonly #needs: Needs;

	constructor(name: string, needs: Needs) {
		this.#name = name;
		this.#needs = needs;
	}

	/** The function's body. */
	write(steps: readonly Step[]): string[] {
		for (const step of steps) {
			this.#step++;
			if (step.process !== undefined) {
				this.#needs.skipped.push(
					`program ${this.#name}, step ${this.#step}: ${step.op}: only the program itself is exported, not its child`,
				);
				this.#say(`/* ${this.#step}: left out: ${step.op} of a child process */`);
				continue;
			}
			this.#objects.follow(step);
			if (step.pending) this.#say(`/* the recording ends here: this call had not returned */`);
			this.#pending = step.pending === true;
			try {
				this.#one(step);
			} catch (error) {
				throw error instanceof FieldError ? new InputError(`program ${this.#name}, step ${this.#step}: ${error.message}`) : error;
			}
		}
		const files = [...this.#files.values()].map((name) => `\tint ${name} = -1;`);
		const kept = this.#lines.filter((line) => typeof line === "string" || this.#usedVariables.has(line.variable));
		const ids = kept.flatMap((line) => (typeof line === "string" ? [] : [`\tuint32_t ${line.variable} = 0;`]));
		const body = kept.map((line) => (typeof line === "string" ? line : line.text));
		const end = [
			...this.#opened.toReversed().map((name) => `\tclose(${name});`),
			...[...this.#mapped].map(([addr, length]) => `\tmunmap(${this.#memory(addr)}, ${number(length)});`),
		];
		return [...files, ...ids, "", ...body, ...(end.length > 0 ? ["", ...end] : [])];
	}

	#one(step: Step): void {
		switch (step.op) {
			case "open": {
				const call = `open(${JSON.stringify(step.path)}, O_RDWR | O_NONBLOCK | O_CLOEXEC)`;
				if (step.fd === undefined) {
					this.#answers(call, step as RecordedRet);
					return;
				}
				this.#needs.paths.add(step.path);
				const file = this.#make(step.fd);
				this.#needs.helpers.add("answers");
				this.#say(`${file} = ${call};`, `answers(${this.#step}, ${JSON.stringify(step.path)}, ${file} < 0 ? -1 : 0, 0, 0);`);
				return;
			}
			case "close": {
				const file = this.#file(step.fd);
				const at = this.#opened.lastIndexOf(file);
				if (at >= 0) this.#opened.splice(at, 1);
				this.#answers(`close(${file})`, { ret: 0 });
				return;
			}
			case "eventfd": {
				const file = this.#make(step.fd);
				this.#needs.helpers.add("eventfd");
				this.#say(`${file} = eventfd(${number(step.count)}, O_NONBLOCK | O_CLOEXEC);`);
				return;
			}
			case "memfd": {
				const file = this.#make(step.fd);
				const huge = step.page_size === undefined ? "" : ` | MFD_HUGETLB | ${Math.log2(step.page_size)}u << 26`;
				this.#say(`${file} = memfd_create("${file}", MFD_CLOEXEC | MFD_ALLOW_SEALING${huge});`);
				this.#answers(`ftruncate(${file}, ${number(step.length)})`, { ret: 0 });
				return;
			}
			case "seal":
				this.#answers(`fcntl(${this.#file(step.fd)}, F_ADD_SEALS, 0x${step.seals.toString(16)})`, step);
				return;
			case "truncate":
				this.#answers(`ftruncate(${this.#file(step.fd)}, ${number(step.length)})`, step);
				return;
			case "userfaultfd": {
				const file = this.#make(step.fd);
				this.#needs.helpers.add("userfaultfd");
				this.#say(`${file} = syscall(SYS_userfaultfd, O_NONBLOCK | O_CLOEXEC);`);
				return;
			}
			case "mmap":
				this.#mmap(step);
				return;
			case "mprotect": {
				const prot = protection(step.prot);
				this.#answers(`mprotect(${this.#memory(step.addr)}, ${number(step.length)}, ${prot})`, { ret: 0 });
				return;
			}
			case "madvise":
				this.#answers(`madvise(${this.#memory(step.addr)}, ${number(step.length)}, ${step.advice})`, { ret: 0 });
				return;
			case "mremap": {
				const [from, to] = [this.#memory(step.addr), this.#memory(step.new_addr)];
				const moved = BigInt(step.addr) !== BigInt(step.new_addr);
				const how = moved ? `MREMAP_MAYMOVE | MREMAP_FIXED, ${to}` : "0";
				this.#mapped.delete(BigInt(step.addr));
				this.#mapped.set(BigInt(step.new_addr), BigInt(step.new_length));
				this.#needs.helpers.add("answers");
				const call = `mremap(${from}, ${number(step.length)}, ${number(step.new_length)}, ${how})`;
				this.#say(`answers(${this.#step}, "mremap", ${call} == ${to} ? 0 : -1, 0, 0);`);
				return;
			}
			case "munmap":
				this.#mapped.delete(BigInt(step.addr));
				this.#answers(`munmap(${this.#memory(step.addr)}, ${number(step.length)})`, { ret: 0 });
				return;
			case "poke": {
				const byte = uniformByte(step.data);
				const size = step.data.length / 2;
				if (byte !== undefined) {
					this.#say(`memset(${this.#memory(step.addr)}, ${byte}, ${size});`);
					return;
				}
				this.#call(`memcpy(${this.#memory(step.addr)},`, step.data, `${size});`);
				return;
			}
			case "peek":
				this.#sameBytes(this.#memory(step.addr), step.data, `memory at ${step.addr}`);
				return;
			case "poll":
				this.#needs.helpers.add("poll");
				this.#say(`check_poll(${this.#step}, ${this.#file(step.fd)}, ${mask(step.events ?? ["in", "out"])}, ${mask(step.revents)});`);
				return;
			case "ioctl":
				if (step.fail_nth !== undefined) this.#failed(step);
				else this.#ioctl(step);
				return;
			case "dma":
				this.#needs.skipped.push(`program ${this.#name}, step ${this.#step}: dma: only a driver can make a device do DMA`);
				this.#say(`/* ${this.#step}: left out: ${step.fd} does DMA (${step.dir} ${step.length} bytes at IOVA ${step.iova}) */`);
				return;
			case "fork":
			case "exit":
				return;
			default:
				this.#transfer(step);
				return;
		}
	}

	#mmap(step: Step & { op: "mmap" }): void {
		const prot = protection(step.prot);
		const huge = step.page_size === undefined ? "" : ` | MAP_HUGETLB | ${Math.log2(step.page_size)}u << 26`;
		const populate = step.populate ? " | MAP_POPULATE" : "";
		const of = step.memfd === undefined ? "MAP_PRIVATE | MAP_ANONYMOUS" : "MAP_SHARED";
		const flags = `${of} | MAP_FIXED_NOREPLACE${huge}${populate}`;
		const from = step.memfd === undefined ? "-1, 0" : `${this.#file(step.memfd)}, ${number(BigInt(step.offset ?? 0))}`;
		this.#mapped.set(BigInt(step.addr), BigInt(step.length));
		this.#needs.helpers.add("memory").add("map");
		this.#say(`map_memory(${this.#step}, ${hex(step.addr)}, ${number(step.length)}, ${prot}, ${flags}, ${from});`);
	}

	/** Made to fail when it was recorded, it changed nothing that the calls after it see. */
	#failed(step: IoctlStep): void {
		const what = `${shownRequest(step)}: its allocation ${step.fail_nth} was made to fail`;
		this.#needs.skipped.push(`program ${this.#name}, step ${this.#step}: ${what}`);
		this.#say(`/* ${this.#step}: left out: ${what} */`);
	}

	#ioctl(step: IoctlStep): void {
		const request = requestNumber(step.request);
		const name = shownRequest(step);
		if (name.startsWith("0x") === false) this.#needs.constants.add(name, request);
		if (step.arg === undefined) {
			const value = step.arg_addr === undefined ? `${number(BigInt(step.arg_value ?? 0))}UL` : this.#memory(step.arg_addr);
			this.#ioctlAnswers(step, `ioctl(${this.#file(step.fd)}, ${name}, ${value})`);
			return;
		}
		const whole = wholeStruct(step, step.arg);
		const lossless = whole && Buffer.from(whole.type.encode(whole.values as never)).toString("hex") === step.arg.toLowerCase();
		this.#say("{");
		if (whole && lossless) this.#structCall(step, whole.type, whole.values, name);
		else this.#bytesCall(step, name);
		this.#say("}");
	}

	#structCall(step: IoctlStep, type: StructType, values: Readonly<Record<string, unknown>>, name: string): void {
		this.#need(type, values);
		const files = new Map(Object.entries(step.fd_in ?? {}).map(([offset, file]) => [pathAt(step, Number(offset)), this.#file(file)]));
		const substitute = (leaf: Leaf): string | undefined => files.get(leaf.field.path) ?? this.#variable(step, leaf);
		const fields = initialisers(type, values, this.#needs.constants, substitute, "cmd", 3);
		this.#lines.push(`\t\tstruct ${type.name} cmd = {`, ...fields, "\t\t};", "");
		this.#ioctlAnswers(step, `ioctl(${this.#file(step.fd)}, ${name}, &cmd)`, "\t\t");
		this.#after(step);
	}

	/** The call's answer: files and IDs are kept, the rest is checked. */
	#after(step: IoctlStep): void {
		const files = Object.entries(step.fd_out ?? {}).map(([offset, file]) => [pathAt(step, Number(offset)), file] as const);
		for (const [path, file] of files) this.#lines.push(`\t\t${this.#make(file, kindOfCall(step))} = cmd.${path};`);
		const made = this.#objects.made(step);
		for (const { kind, id, path } of made) {
			const count = (this.#counts.get(kind) ?? 0) + 1;
			this.#counts.set(kind, count);
			const variable = `${kind}_${count}`;
			this.#objects.keep(step, id, variable);
			this.#lines.push({ variable, text: `\t\t${variable} = cmd.${path};` });
		}
		const kept = new Set([...files.map(([path]) => path), ...made.map(({ path }) => path), ...(step.masked ?? [])]);
		const changed = changedLeaves(step);
		const answered = (at: number) => changed.some(({ field }) => field.offset === at && field.dir === "out");
		for (const { field, value } of changed) {
			if (kept.has(field.path) || (field.dir === "in" && answered(field.offset))) continue;
			const known = this.#variable(step, { field: { ...field, dir: "in" }, value });
			const elements = Array.isArray(value) ? value.map((one, at) => [`[${at}]`, one] as const) : [["", value] as const];
			for (const [index, one] of elements) {
				if (typeof one === "object") continue;
				this.#needs.helpers.add("field");
				this.#lines.push(
					`\t\tfield(${this.#step}, cmd.${field.path}${index}, ${known ?? this.#needs.constants.number({ ...field, length: undefined }, one as number)});`,
				);
			}
		}
	}

	#bytesCall(step: IoctlStep, name: string): void {
		const arg = step.arg as string;
		const size = arg.length / 2;
		const type = requestStruct(step.request);
		if (type) this.#lines.push(`\t\t/* ${size} bytes, where struct ${type.name} has ${type.size} */`);
		this.#lines.push(`\t\tunsigned char arg[${Math.max(size, 1)}] =`, ...bytesLines(arg).map((line) => `\t\t\t${line}`));
		this.#lines.push(`${this.#lines.pop()};`, "");
		for (const [offset, file] of Object.entries(step.fd_in ?? {}))
			this.#lines.push(`\t\tmemcpy(arg + ${offset}, &${this.#file(file)}, 4);`);
		this.#ioctlAnswers(step, `ioctl(${this.#file(step.fd)}, ${name}, arg)`, "\t\t");
		for (const [offset, file] of Object.entries(step.fd_out ?? {})) {
			this.#lines.push(`\t\tmemcpy(&${this.#make(file, kindOfCall(step))}, arg + ${offset}, 4);`, `\t\tmemset(arg + ${offset}, 0, 4);`);
		}
		for (const offset of Object.keys(step.fd_in ?? {})) this.#lines.push(`\t\tmemset(arg + ${offset}, 0, 4);`);
		if (size > 0) this.#sameBytes("arg", step.out ?? arg, "the struct after the call", "\t\t");
	}

	#ioctlAnswers(step: IoctlStep, call: string, pad = "\t"): void {
		if (step.ret_fd === undefined) {
			this.#answers(call, step, pad);
			return;
		}
		const file = this.#make(step.ret_fd);
		this.#needs.helpers.add("answers");
		this.#lines.push(`${pad}${file} = ${call};`, `${pad}answers(${this.#step}, "${shownRequest(step)}", ${file} < 0 ? -1 : 0, 0, 0);`);
	}

	#transfer(step: Step & { op: "read" | "write" | "pread" | "pwrite" }): void {
		const file = this.#file(step.fd);
		const offset = "offset" in step ? `, ${number(BigInt(step.offset))}` : "";
		const kind = this.#kinds.get(step.fd);
		if (step.op === "write" || step.op === "pwrite") {
			if (step.addr !== undefined) {
				this.#answers(`${step.op}(${file}, ${this.#memory(step.addr)}, ${step.length}${offset})`, step);
				return;
			}
			const data = step.data ?? "";
			const records = kind === "fault" ? this.#records(step.fd, iommu_hwpt_page_response, data, "responses") : undefined;
			if (records === undefined) {
				const literal = bytesLines(data);
				const lines = literal.length === 1 ? literal : ["", ...literal.map((line) => `\t\t${line}`)];
				this.#answers(`${step.op}(${file}, ${lines.join("\n")}, ${data.length / 2}${offset})`, step);
				return;
			}
			this.#say("{");
			this.#lines.push(...records, "");
			this.#answers(`write(${file}, responses, sizeof(responses))`, step, "\t\t");
			this.#say("}");
			return;
		}
		const where = step.addr === undefined ? "got" : this.#memory(step.addr);
		this.#say("{");
		if (step.addr === undefined) this.#lines.push(`\t\tunsigned char got[${Math.max(step.length, 1)}];`);
		const data = step.data ?? "";
		const records = kind === "fault" && data !== "" ? this.#records(step.fd, iommu_hwpt_pgfault, data, "want") : undefined;
		if (records !== undefined) this.#lines.push(...records, "");
		this.#answers(`${step.op}(${file}, ${where}, ${step.length}${offset})`, step, "\t\t");
		if (records !== undefined) {
			this.#needs.helpers.add("bytes");
			this.#lines.push(`\t\tcheck_bytes(${this.#step}, "page faults", ${where}, want, sizeof(want));`);
		} else if (data !== "") this.#sameBytes(where, data, "the bytes read", "\t\t");
		this.#say("}");
	}

	/** An array of structs with their fields by name and IDs by the objects' variables; undefined if the bytes are not whole structs. */
	#records(file: string, type: StructType, data: string, name: string): string[] | undefined {
		const size = type.size * 2;
		if (data === "" || data.length % size !== 0) return undefined;
		const all = data.match(new RegExp(`.{${size}}`, "g")) as string[];
		const values = all.map((one) => type.decode(Buffer.from(one, "hex")) as Readonly<Record<string, unknown>>);
		this.#need(type, {});
		const substitute = ({ field, value }: Leaf): string | undefined => {
			const variable = field.role === "id" ? this.#objects.inFile(file, value as number) : undefined;
			if (variable !== undefined) this.#usedVariables.add(variable);
			return variable;
		};
		const lines = values.flatMap((value) => [
			"\t\t\t{",
			...initialisers(type, value, this.#needs.constants, substitute, "", 4),
			"\t\t\t},",
		]);
		return [`\t\tconst struct ${type.name} ${name}[] = {`, ...lines, "\t\t};"];
	}

	#need(type: StructType, values: Readonly<Record<string, unknown>>): void {
		const used = this.#needs.structs.get(type) ?? new Set();
		this.#needs.structs.set(type, used);
		for (const { field } of leavesOf(type, values)) used.add(field.path.split(".")[0]);
	}

	#variable(step: IoctlStep, leaf: Leaf): string | undefined {
		const variable = this.#objects.lookUp(step, leaf);
		if (variable !== undefined) this.#usedVariables.add(variable);
		return variable;
	}

	#answers(call: string, { ret, errno }: RecordedRet, pad = "\t"): void {
		if (this.#pending) {
			this.#lines.push(`${pad}if (${call} < 0)`, `${pad}\tperror("step ${this.#step}");`);
			return;
		}
		this.#needs.helpers.add("answers");
		const what = /^(?:ioctl\(\w+, (\w+)|(\w+))/.exec(call);
		this.#lines.push(`${pad}answers(${this.#step}, "${what?.[1] ?? what?.[2]}", ${call}, ${ret}, ${errno ?? 0});`);
	}

	#sameBytes(where: string, data: string, what: string, pad = "\t"): void {
		if (data === "" || this.#pending) return;
		const byte = uniformByte(data);
		if (byte !== undefined && data.length > 32) {
			this.#needs.helpers.add("fill");
			this.#lines.push(`${pad}check_fill(${this.#step}, "${what}", ${where}, ${byte}, ${data.length / 2});`);
			return;
		}
		this.#needs.helpers.add("bytes");
		this.#call(`check_bytes(${this.#step}, "${what}", ${where},`, data, `${data.length / 2});`, pad);
	}

	/** A call one of whose arguments is bytes, on lines of their own if they are many. */
	#call(before: string, data: string, after: string, pad = "\t"): void {
		const bytes = bytesLines(data);
		if (bytes.length === 1) this.#lines.push(`${pad}${before} ${bytes[0]}, ${after}`);
		else this.#lines.push(`${pad}${before}`, ...bytes.slice(0, -1).map((line) => `${pad}\t${line}`), `${pad}\t${bytes.at(-1)}, ${after}`);
	}

	#memory(addr: TraceNumber | bigint): string {
		this.#needs.helpers.add("memory");
		return `memory(${hex(addr)})`;
	}

	#say(...lines: string[]): void {
		this.#lines.push(...lines.map((line) => `\t${line}`));
	}

	#make(name: string, kind = ""): string {
		const plain = name.replace(/\W/g, "_").replace(/^(?=\d)/, "_");
		const base = TAKEN.test(plain) ? `${plain}_file` : plain;
		let variable = this.#files.get(name);
		if (variable === undefined) {
			const others = new Set(this.#files.values());
			variable = base;
			for (let n = 2; others.has(variable); n++) variable = `${base}_${n}`;
			this.#files.set(name, variable);
		}
		this.#kinds.set(name, kind);
		this.#opened.push(variable);
		return variable;
	}

	#file(name: string): string {
		const variable = this.#files.get(name);
		if (variable !== undefined) return variable;
		// The name that stands for no file.
		if (name === "none") return "-1";
		throw new FieldError("fd", `no earlier step made a file called ${JSON.stringify(name)}`);
	}
}

const hex = (value: TraceNumber | bigint): string => `0x${BigInt(value).toString(16)}`;

const mask = (names: readonly PollName[]): string => names.map((name) => `POLL${name.toUpperCase()}`).join(" | ") || "0";

/** The kind of file that a call makes. */
function kindOfCall(step: IoctlStep): string {
	return (ioctlByName(step.request) ?? ioctlByRequest(requestNumber(step.request)))?.makes?.find(isMadeFile)?.file ?? "";
}

const protection = (prot: string): string =>
	[prot.includes("r") && "PROT_READ", prot.includes("w") && "PROT_WRITE"].filter(Boolean).join(" | ") || "PROT_NONE";
