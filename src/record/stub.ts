/** The process that becomes the recorded program, once it is traced: built as a file of its own, dist/recorded.cjs. */
import { closeSync, readFileSync } from "node:fs";
import { Native } from "../exec/native.js";
import { baseFilter } from "./filters.js";
import { FILTER_REFUSED, JOB_FD, type Job } from "./job.js";

const F_SETFD = 2;
const PR_SET_NO_NEW_PRIVS = 38;
const SECCOMP_SET_MODE_FILTER = 1;
const SIGKILL = 9;
const SIGSTOP = 19;
const LAST_SIGNAL = 64;
const SIGSET_SIZE = 8;

/** Places words and strings one after another in memory that outlives this call. */
class Placer {
	readonly #start: bigint;
	readonly #bytes: Buffer;
	#used = 0;

	constructor(native: Native, room: number) {
		this.#start = native.libc.callForAddress("mmap", 0, room, 3, 0x22, -1, 0);
		this.#bytes = native.libc.view(this.#start, room);
	}

	bytes(bytes: Uint8Array): bigint {
		const at = this.#used;
		this.#bytes.set(bytes, at);
		this.#used = (at + bytes.length + 7) & ~7;
		return this.#start + BigInt(at);
	}

	text(text: string): bigint {
		return this.bytes(Buffer.from(`${text}\0`));
	}

	/** An array of strings that ends with a null pointer. */
	texts(texts: readonly string[]): bigint {
		return this.bytes(new Uint8Array(new BigUint64Array([...texts.map((each) => this.text(each)), 0n]).buffer));
	}
}

function become({ program, args, env }: Job): never {
	const native = new Native();
	const room = (texts: readonly string[]): number => texts.reduce((sum, each) => sum + Buffer.byteLength(each) + 24, 64);
	const placer = new Placer(native, room([program, program, ...args]) + room(env) + 0x4000);
	const filter = baseFilter(native.arch);
	const fprog = placer.bytes(new Uint8Array(new BigUint64Array([BigInt(filter.length / 8), placer.bytes(filter)]).buffer));
	const [path, argv, envp] = [placer.text(program), placer.texts(args), placer.texts(env)];
	const usual = placer.bytes(new Uint8Array(64));
	// Until the tracer has us.
	native.call("tgkill", process.pid, process.pid, SIGSTOP);
	let failed = native.call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (failed === 0) failed = native.call("seccomp", SECCOMP_SET_MODE_FILTER, 0, fprog);
	if (failed < 0) process.exit(FILTER_REFUSED - failed > 255 ? FILTER_REFUSED : FILTER_REFUSED - failed);
	// What Node ignores or blocks the program would, too.
	for (let signal = 1; signal <= LAST_SIGNAL; signal++)
		if (signal !== SIGKILL && signal !== SIGSTOP) native.call("rt_sigaction", signal, usual, 0, SIGSET_SIZE);
	native.call("rt_sigprocmask", 2, usual, 0, SIGSET_SIZE);
	// Node has marked what it inherited as not to be inherited further.
	for (const fd of [0, 1, 2]) native.call("fcntl", fd, F_SETFD, 0);
	process.exit(-native.call("execve", path, argv, envp));
}

const job = JSON.parse(readFileSync(JOB_FD, "utf8")) as Job;
closeSync(JOB_FD);
become(job);
