/** Injects answers into calls, by strace's syntax. */
import { groupCalls, InputError, ioctlByRequest, ioctlNamed } from "../../structs/index.js";
import { DeviceFiles } from "./device-files.js";
import { errnoNames, errnoNumber } from "./errno.js";
import { isForkCapable, type Kernel, type Ret } from "./kernel.js";
import { explains, type Why } from "./why.js";
import { wrapKernel } from "./wrap.js";

/** Which invocations of a call: the first one, every `step`th after it, up to `last`. */
export interface When {
	readonly first: number;
	readonly last: number;
	/** 0: only `first` */
	readonly step: number;
}

/** One `--inject`: these calls are not made, and return this answer. */
export interface Injection {
	/** names of system calls, and of ioctls (`IOMMU_IOAS_MAP`), as they are called on the file that they are made on */
	readonly calls: ReadonlySet<string>;
	/** minus the errno, or the value */
	readonly answer: bigint;
	readonly when: When;
}

/** The calls that can be injected into, and the other names that strace has for them. */
const CALLS = ["open", "close", "ioctl", "read", "write", "pread64", "pwrite64", "poll", "mmap", "munmap", "memfd_create"] as const;
type Call = (typeof CALLS)[number];
const ALIASES: Readonly<Record<string, Call>> = {
	openat: "open",
	pread: "pread64",
	pwrite: "pwrite64",
	ppoll: "poll",
	memfd: "memfd_create",
};
const OTHERS: ReadonlySet<string> = new Set(["signal", "syscall", "delay_enter", "delay_exit", "poke_enter", "poke_exit"]);
const MOST = 65535;
const LARGEST_ERRNO = 4095;

/**
 * Parses `SET:error=ERRNO|retval=VALUE[:when=FIRST[..LAST][+[STEP]]]`, strace's grammar. SET is names of system calls
 * joined by commas, `all`, or `!` and the names to leave out; the name of an ioctl stands for that ioctl only.
 * @throws InputError
 */
export function parseInjection(text: string): Injection {
	const [set, ...parts] = text.split(":");
	const calls = parseSet(set, text);
	let answer: bigint | undefined;
	let when: When = { first: 1, last: Number.POSITIVE_INFINITY, step: 1 };
	for (const part of parts) {
		const at = part.indexOf("=");
		const [key, value] = at < 0 ? [part, ""] : [part.slice(0, at), part.slice(at + 1)];
		if (key === "when") when = parseWhen(value, text);
		else if (key !== "error" && key !== "retval") {
			const known = OTHERS.has(key) ? "works in strace, but there is no process here to apply it to" : "is unknown";
			throw bad(text, `"${key}" ${known}; use error=, retval= or when=`);
		} else if (answer !== undefined) throw bad(text, "error= and retval= exclude each other");
		else answer = key === "error" ? -BigInt(parseErrno(value, text)) : parseRetval(value, text);
	}
	if (answer === undefined) throw bad(text, "the answer is missing; add error=ENOMEM or retval=0");
	return { calls, answer, when };
}

function bad(text: string, problem: string): InputError {
	return new InputError(`--inject "${text}": ${problem}`);
}

function parseSet(text: string, whole: string): ReadonlySet<string> {
	if (text.startsWith("!")) {
		const without = parseSet(text.slice(1), whole);
		return new Set(CALLS.filter((call) => !without.has(call)));
	}
	const names = text.split(",").map((name) => name.trim());
	if (names.length === 1 && names[0] === "all") return new Set(CALLS);
	return new Set(
		names.map((name) => {
			const call = ALIASES[name] ?? name;
			if ((CALLS as readonly string[]).includes(call) || ioctlNamed(call)) return call;
			throw bad(whole, `"${name}" is not a known call; use ${CALLS.join(", ")}, all, or an ioctl's name`);
		}),
	);
}

function parseWhen(text: string, whole: string): When {
	const match = /^(\d{1,5})(?:\.\.(\d{1,5}))?(?:(\+)(\d{1,5})?)?$/.exec(text);
	if (!match) throw bad(whole, `when=${text} is not FIRST[..LAST][+[STEP]], such as 3, 3+, 3+2, 3..9 or 3..9+2`);
	const [, first, last, plus, step] = match;
	const range = last !== undefined || plus !== undefined;
	const when = {
		first: Number(first),
		last: last === undefined ? (range ? Number.POSITIVE_INFINITY : Number(first)) : Number(last),
		step: step === undefined ? (range ? 1 : 0) : Number(step),
	};
	const numbers = [when.first, ...(last === undefined ? [] : [when.last]), ...(step === undefined ? [] : [when.step])];
	if (numbers.some((n) => n < 1 || n > MOST)) throw bad(whole, `when=${text}: numbers must be from 1 to ${MOST}`);
	if (when.last < when.first) throw bad(whole, `when=${text} ends before it begins`);
	return when;
}

function parseErrno(text: string, whole: string): number {
	const number = /^\d+$/.test(text) ? Number(text) : errnoNumber(text);
	if (number === undefined || number < 1 || number > LARGEST_ERRNO) {
		const near = [...errnoNames()].find((name) => name === text.toUpperCase());
		throw bad(whole, `error=${text} is not an errno (a name, or 1 to ${LARGEST_ERRNO})${near ? `; did you mean ${near}?` : ""}`);
	}
	return number;
}

function parseRetval(text: string, whole: string): bigint {
	if (!/^(?:0[xX][0-9a-fA-F]+|\d+)$/.test(text) || BigInt(text) >> 63n)
		throw bad(whole, `retval=${text} is not a number from 0 to 2^63 - 1`);
	return BigInt(text);
}

/** Whether the `count`th invocation (from 1) is one of these. */
export function isDue({ first, last, step }: When, count: number): boolean {
	if (count < first || count > last) return false;
	return step === 0 ? count === first : (count - first) % step === 0;
}

/** `kernel`, with some calls answered instead of made. Each call is counted separately; if two rules apply to a call, the later one wins. */
export function injecting(kernel: Kernel, injections: readonly Injection[]): Kernel {
	if (injections.length === 0) return kernel;
	const rules = new Map<string, Injection>();
	for (const injection of injections) for (const call of injection.calls) rules.set(call, injection);
	const counts = new Map<string, number>();
	/** The injected answer of this invocation; undefined if the call is to be made. */
	const due = (call: string): bigint | undefined => {
		const rule = rules.get(call);
		if (rule === undefined) return undefined;
		const count = (counts.get(call) ?? 0) + 1;
		counts.set(call, count);
		return isDue(rule.when, count) ? rule.answer : undefined;
	};
	/** what was injected last, if the last call was answered so */
	let injectedLast: { readonly call: string; readonly answer: bigint } | undefined;
	const inject = (call: string): bigint | undefined => {
		const answer = due(call);
		injectedLast = answer === undefined ? undefined : { call, answer };
		return answer;
	};
	const answer = (call: Call, make: () => Ret): Ret => {
		const injected = inject(call);
		return injected === undefined ? make() : Number(injected);
	};
	const files = new DeviceFiles<number>();
	return wrapKernel(kernel, {
		open(path, flags) {
			const fd = answer("open", () => kernel.open(path, flags));
			if (fd >= 0) files.opened(fd, path);
			return fd;
		},
		close: (fd) =>
			answer("close", () => {
				files.closed(fd);
				return kernel.close(fd);
			}),
		ioctl(fd, request, arg) {
			const name = ioctlByRequest(request, files.kind(fd))?.name;
			const own = name === undefined ? undefined : due(name);
			const any = due("ioctl");
			const injected = own ?? any;
			injectedLast = injected === undefined ? undefined : { call: name ?? "ioctl", answer: injected };
			if (injected !== undefined) return Number(injected);
			const ret = kernel.ioctl(fd, request, arg);
			if (request === groupCalls.VFIO_GROUP_GET_DEVICE_FD && ret >= 0) files.returned(ret);
			return ret;
		},
		read: (fd, into) => answer("read", () => kernel.read(fd, into)),
		write: (fd, from) => answer("write", () => kernel.write(fd, from)),
		pread: (fd, into, offset) => answer("pread64", () => kernel.pread(fd, into, offset)),
		pwrite: (fd, from, offset) => answer("pwrite64", () => kernel.pwrite(fd, from, offset)),
		poll: (fds, timeout) => answer("poll", () => kernel.poll(fds, timeout)),
		mmap: (request) => inject("mmap") ?? kernel.mmap(request),
		munmap: (addr, length) => answer("munmap", () => kernel.munmap(addr, length)),
		memfd: (name, length, pageSize) => answer("memfd_create", () => kernel.memfd(name, length, pageSize)),
		// As with strace -f, each process counts for itself.
		...(isForkCapable(kernel) && { fork: (name: string) => injecting(kernel.fork(name), injections) }),
		...(explains(kernel) && {
			why(ret: Ret | bigint): Why | undefined {
				if (injectedLast === undefined) return kernel.why(ret);
				return injectedLast.answer === BigInt(ret) ? injectedWhy(injectedLast.call) : undefined;
			},
			notes: () => (injectedLast === undefined ? kernel.notes() : []),
		}),
	});
}

function injectedWhy(call: string): Why {
	return {
		check: "inject",
		text: `${call} was not made: --inject answered it`,
		rule: "without --inject the kernel answers",
		values: { call },
		source: "--inject",
	};
}
