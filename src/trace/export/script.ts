/** Exports a program of a trace as a script for `iommuctl run`. */
import { UFFDIO_REGISTER_MODE_MISSING } from "../../../structs/index.js";
import { adviceName, namedSeals } from "../../kernel/memory-names.js";
import { recordedRet } from "../answer.js";
import { errnoName } from "../errno-names.js";
import { NO_FILE_NAME } from "../files.js";
import type { IoctlStep, Step } from "../format.js";
import { changedLeaves, type Leaf, leavesOf, wholeStruct } from "../tools/fields.js";
import type { Program } from "../tools/programs.js";
import type { Exported } from "./c.js";
import { Objects } from "./objects.js";

/** The number of a file that there is not. */
const NO_FILE = "0x7fffffff";

/**
 * A program as a script that makes its calls and expects the recorded errnos. IDs and files are those that the script's own calls
 * make; fields that a call changed are checked, apart from those.
 * @param comment lines that it begins with
 */
export function exportScript(program: Program, comment: readonly string[]): Exported {
	const writer = new ScriptWriter();
	const lines = program.steps.flatMap((step) => writer.lines(step));
	const selftest = program.steps.some((step) => step.op === "ioctl" && step.request === "IOMMU_TEST_CMD");
	const head = [...comment.map((line) => (line === "" ? "#" : `# ${line}`)), ...(selftest ? ["require selftest"] : []), ""];
	return { text: `${[...head, ...lines].join("\n")}\n`, skipped: writer.skipped };
}

class ScriptWriter {
	readonly skipped: string[] = [];
	readonly #objects = new Objects<string>();
	/** what a file's name in the trace is in the script */
	readonly #files = new Map([[NO_FILE_NAME, NO_FILE]]);
	#calls = 0;
	#steps = 0;

	lines(step: Step): string[] {
		this.#steps++;
		this.#objects.follow(step);
		if (step.process !== undefined) return this.#without(step, "a child process's step");
		const lines = step.op === "ioctl" ? this.#ioctl(step) : this.#other(step);
		return lines === undefined ? this.#without(step, "it has no command") : lines;
	}

	#without({ op }: Step, why: string): string[] {
		const text = `step ${this.#steps}, ${op}: ${why}`;
		this.skipped.push(text);
		return [`# left out: ${text}`];
	}

	#file(name: string): string {
		return this.#files.get(name) ?? NO_FILE;
	}

	/** A file that a line makes, which has the trace's name. */
	#made(name: string, command: string): string[] {
		this.#files.set(name, `$${name}`);
		return [`${name} = ${command}`];
	}

	#other(step: Exclude<Step, IoctlStep>): string[] | undefined {
		switch (step.op) {
			case "open":
				return step.fd === undefined ? [`${expected(step)}file open ${step.path}`] : this.#made(step.fd, `file open ${step.path}`);
			case "memfd":
				return this.#made(step.fd, `mem memfd ${step.length}${step.page_size === undefined ? "" : ` --huge ${step.page_size}`}`);
			case "eventfd":
				return this.#made(step.fd, `file eventfd ${step.count}`);
			case "close": {
				const file = this.#file(step.fd);
				this.#files.delete(step.fd);
				return [`file close ${file}`];
			}
			case "mmap": {
				const of = step.memfd === undefined ? "" : ` --memfd ${this.#file(step.memfd)} --offset ${step.offset ?? 0}`;
				const pages = `${step.page_size === undefined ? "" : ` --huge ${step.page_size}`}${step.populate ? " --populate" : ""}`;
				return [`mem alloc ${step.length} --at ${step.addr} --prot ${step.prot}${of}${pages}`];
			}
			case "seal": {
				const { names, rest } = namedSeals(step.seals);
				if (names.length === 0 || rest !== 0) return undefined;
				return [`${expected(step)}mem seal ${this.#file(step.fd)} ${names.join(",")}`];
			}
			case "truncate":
				return [`${expected(step)}mem truncate ${this.#file(step.fd)} ${step.length}`];
			case "userfaultfd":
				// The line that registers memory makes it.
				return [];
			case "munmap":
				return [`mem free ${step.addr} ${step.length}`];
			case "mprotect":
				return [`mem protect ${step.addr} ${step.length} ${step.prot}`];
			case "madvise": {
				const advice = adviceName(step.advice);
				return advice === undefined ? undefined : [`mem advise ${step.addr} ${step.length} ${advice}`];
			}
			case "mremap":
				return [`mem remap ${step.addr} ${step.length} ${step.new_length} --to ${step.new_addr}`];
			case "poke":
				return step.data === "" ? [] : [`mem write ${step.addr} ${step.data}`];
			case "peek":
				return step.length === 0 ? [] : [`mem read ${step.addr} ${step.length}`];
			case "read": {
				const into = step.addr === undefined ? "" : ` --into ${step.addr}`;
				return [`${expected(step)}file read ${this.#file(step.fd)} ${step.length}${into}`];
			}
			case "write": {
				const from = step.addr === undefined ? `--data ${step.data || '""'}` : `--from ${step.addr} --length ${step.length}`;
				return [`${expected(step)}file write ${this.#file(step.fd)} ${from}`];
			}
			case "poll":
				return step.events === undefined ? [`file poll ${this.#file(step.fd)}`] : undefined;
			default:
				return undefined;
		}
	}

	#ioctl(step: IoctlStep): string[] | undefined {
		if (step.ret_fd !== undefined || step.fail_nth !== undefined) return undefined;
		if (step.request.startsWith("UFFDIO_")) return this.#userfault(step);
		const on = `--on-fd ${this.#file(step.fd)}`;
		if (step.arg === undefined) {
			const given = step.arg_addr === undefined ? `--arg-value ${step.arg_value ?? 0}` : `--arg-addr ${step.arg_addr}`;
			return [`${expected(step)}raw ${step.request} ${given} ${on}`];
		}
		const whole = wholeStruct(step, step.arg);
		const fds = new Map(Object.entries(step.fd_in ?? {}).map(([offset, name]) => [Number(offset), this.#file(name)]));
		const fields =
			whole === undefined
				? [step.arg, ...[...fds].map(([offset, file]) => `--set ${fieldAt(step, offset) ?? offset}=${file}`)]
				: leavesOf(whole.type, whole.values).flatMap((leaf) => this.#field(step, leaf, fds, whole.type.size));
		const made = this.#objects.made(step);
		const outs = Object.entries(step.fd_out ?? {});
		const checks =
			step.ret < 0 ? [] : changedLeaves(step).filter(({ field }) => field.role !== "id" && field.role !== "fd" && field.role !== "ptr");
		const kept = made.length + outs.length + checks.length > 0 ? `call${++this.#calls}` : undefined;
		for (const { id, path } of made) this.#objects.keep(step, id, `$${kept}.${last(path)}`);
		for (const [offset, name] of outs) this.#files.set(name, `$${kept}.${fieldAt(step, Number(offset)) ?? "fd"}`);
		const line = `${kept === undefined ? "" : `${kept} = `}${expected(step)}raw ${[step.request, ...fields, on].join(" ")}`;
		return [line, ...checks.map(({ field, value }) => `check $${kept}.${last(field.path)} == ${number(value)}`)];
	}

	/** A userfaultfd's calls: `mem userfault` makes the first two, `mem serve` the others. */
	#userfault(step: IoctlStep): string[] | undefined {
		const whole = step.arg === undefined ? undefined : wholeStruct(step, step.arg);
		if (whole === undefined) return undefined;
		const { start, dst, src, len, mode } = whole.values as Readonly<Record<string, bigint | undefined>>;
		if (step.request === "UFFDIO_API") return step.ret < 0 ? undefined : [];
		if (step.request === "UFFDIO_REGISTER" && mode === UFFDIO_REGISTER_MODE_MISSING && !this.#files.has(step.fd)) {
			const line = `mem userfault ${number(start)} ${number(len)}`;
			return step.ret < 0 ? [`${expected(step)}${line}`] : this.#made(step.fd, line);
		}
		if (mode !== 0n) return undefined;
		if (step.request === "UFFDIO_ZEROPAGE") return [`${expected(step)}mem serve ${this.#file(step.fd)} ${number(start)} ${number(len)}`];
		if (step.request !== "UFFDIO_COPY") return undefined;
		return [`${expected(step)}mem serve ${this.#file(step.fd)} ${number(dst)} ${number(len)} --from ${number(src)}`];
	}

	/** `ioas_id=$call1.out_ioas_id`; nothing for a zero, or the struct's own size. */
	#field(step: IoctlStep, leaf: Leaf, fds: ReadonlyMap<number, string>, size: number): string[] {
		const { field, value } = leaf;
		if (field.size === 0) return [];
		const own = fds.get(field.offset) ?? this.#objects.lookUp(step, leaf) ?? number(value);
		if (own === "0" || (field.role === "size" && own === String(size))) return [];
		return [`${field.path}=${own}`];
	}
}

const last = (path: string): string => path.slice(path.lastIndexOf(".") + 1);

function fieldAt(step: IoctlStep, offset: number): string | undefined {
	const whole = wholeStruct(step, step.arg as string);
	const leaf = whole && leavesOf(whole.type, whole.values).find(({ field }) => field.offset === offset);
	return leaf && last(leaf.field.path);
}

const number = (value: unknown): string => (typeof value === "bigint" && value > 9n ? `0x${value.toString(16)}` : String(value));

function expected(step: { readonly ret?: number; readonly errno?: string }): string {
	const ret = recordedRet({ ret: step.ret ?? 0, errno: step.errno });
	return ret < 0 ? `expect ${errnoName(-ret)} ` : "";
}
