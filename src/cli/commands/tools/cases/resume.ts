/** `--resume FOLDER`: finished cases on disk, so that an interrupted run can go on. */
import { createHash } from "node:crypto";
import { closeSync, fsyncSync, openSync, readdirSync, readFileSync, renameSync, statSync, writeSync } from "node:fs";
import { release } from "node:os";
import { join, resolve } from "node:path";
import { EnvironmentError } from "../../../../kernel/environment-error.js";
import { makeFolder } from "../../../../trace/folder.js";
import type { Invocation } from "../../../frame/command.js";
import { UsageError } from "../../../frame/exit.js";
import { shippedPath } from "../../../frame/shipped.js";
import { version } from "../../../frame/version.js";

/** What a folder was begun with: the results in it are of nothing else. */
interface Begun {
	readonly schema: "iommuctl.resume";
	readonly version: 1;
	/** of iommuctl */
	readonly program: string;
	/** the words of the command line, without those that change no result */
	readonly words: readonly string[];
	readonly kernel: string;
	readonly cases: number;
	/** SHA-256 of every file that the words or the cases name */
	readonly files: Readonly<Record<string, string>>;
}

/** The finished cases of one command line. */
export class Finished<R> {
	readonly #folder: string;
	readonly #shown: string;
	readonly #names: readonly string[];

	/**
	 * Opens a folder, or begins it; what it has is of the same command, the same kernel and the same files.
	 * @param kernel which one answers, for people @throws UsageError if it was begun with others, EnvironmentError
	 */
	constructor(inv: Pick<Invocation, "argv" | "io">, folder: string, { names, kernel }: { names: readonly string[]; kernel: string }) {
		this.#shown = folder;
		this.#names = names;
		const words = lasting(inv.argv);
		const now: Begun = {
			schema: "iommuctl.resume",
			version: 1,
			program: version,
			words,
			// Of the real kernel another release is another one.
			kernel: /\breal\b/.test(kernel) ? `${kernel} (Linux ${release()})` : kernel,
			cases: names.length,
			files: digests([...words, ...names], inv.io.cwd),
		};
		this.#folder = makeFolder({ name: folder, cwd: inv.io.cwd, option: "--resume" }, 0o700);
		const path = join(this.#folder, "begun.json");
		const before = readJson(path) as Begun | undefined;
		if (before?.schema === "iommuctl.resume") {
			this.#check(before, now);
			return;
		}
		if (this.#attempt(() => readdirSync(this.#folder)).some((name) => !name.startsWith(".")))
			throw new UsageError(`--resume: ${folder} has other files`, "name a new folder, or an empty one");
		this.#write("begun.json", now);
	}

	/** The result of a case; undefined if it has not finished. */
	get(at: number): R | undefined {
		const found = readJson(join(this.#folder, fileOf(at))) as { schema?: string; case?: string; result?: R } | undefined;
		return found?.schema === "iommuctl.case" && found.case === this.#names[at] ? found.result : undefined;
	}

	/** Keeps a result: all of it or nothing, whatever happens to this process or machine. @throws EnvironmentError */
	put(at: number, result: R): void {
		this.#write(fileOf(at), { schema: "iommuctl.case", version: 1, case: this.#names[at], result });
	}

	#check(before: Begun, now: Begun): void {
		const anew = "name another folder, or remove this one to begin anew";
		const refuse = (what: string): never => {
			throw new UsageError(`--resume: ${this.#shown} ${what}`, anew);
		};
		const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
		if (before.program !== now.program) refuse(`was begun by iommuctl ${before.program}`);
		if (!same(before.words, now.words)) refuse(`was begun by other arguments: iommuctl ${before.words.join(" ")}`);
		if (before.kernel !== now.kernel) refuse(`was begun on another kernel: ${before.kernel}`);
		const other = [...Object.keys(before.files), ...Object.keys(now.files)].find((name) => before.files[name] !== now.files[name]);
		if (other !== undefined) refuse(`was begun with other contents of ${other}`);
		if (before.cases !== now.cases) refuse(`was begun with ${before.cases} cases; there are ${now.cases}`);
	}

	#write(name: string, document: object): void {
		const temporary = join(this.#folder, `.${name}.${process.pid}`);
		this.#attempt(() => {
			const fd = openSync(temporary, "w", 0o600);
			try {
				writeSync(fd, `${JSON.stringify(document)}\n`);
				fsyncSync(fd);
			} finally {
				closeSync(fd);
			}
			renameSync(temporary, join(this.#folder, name));
		});
	}

	#attempt<T>(work: () => T): T {
		try {
			return work();
		} catch (error) {
			const { code } = error as NodeJS.ErrnoException;
			if (code === undefined) throw error;
			throw new EnvironmentError(`--resume: ${this.#shown} cannot be written: ${code}`, "name a folder that you may write to");
		}
	}
}

const fileOf = (at: number): string => `case-${`${at + 1}`.padStart(6, "0")}.json`;

function readJson(path: string): unknown {
	try {
		return JSON.parse(readFileSync(path, "utf8"));
	} catch {
		return undefined;
	}
}

/** Options that decide how results are made or shown, not which. */
const passing = new Set(["--resume", "--jobs", "--color"]);

function lasting(argv: readonly string[]): string[] {
	const kept: string[] = [];
	for (let at = 0; at < argv.length; at++) {
		const [option] = argv[at].split("=", 1);
		if (!passing.has(option)) kept.push(argv[at]);
		else if (option === argv[at]) at++;
	}
	return kept;
}

/** Of the words that name a file: also the value of `--option=file`. */
function digests(words: readonly string[], cwd: string): Record<string, string> {
	const found: Record<string, string> = {};
	for (const word of new Set(words.map((one) => one.replace(/^--[a-z-]+=/, "")))) {
		const path = shippedPath(word) ?? resolve(cwd, word);
		if (!statSync(path, { throwIfNoEntry: false })?.isFile()) continue;
		found[word] = createHash("sha256").update(readFileSync(path)).digest("hex");
	}
	return found;
}
