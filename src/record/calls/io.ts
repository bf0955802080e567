/** Reads and writes of recorded files, in all their forms. */
import { toRecordedRet } from "../../trace/answer.js";
import { toHex } from "../../trace/hex.js";
import type { Step } from "../../trace/index.js";
import { readMemory } from "../memory.js";
import type { OpenFile } from "../processes.js";
import type { AtEnd, Call, Handler, Recorder } from "../recorder.js";

/** bytes of one read or write that are kept; nothing that these files have is larger */
const MOST = 1 << 24;
const MOST_VECTORS = 1024;
const VECTOR_SIZE = 16;
const EFAULT = 14n;

interface Buf {
	readonly addr: bigint;
	readonly length: number;
}

interface Form {
	readonly write: boolean;
	/** the argument is an array of buffers */
	readonly vector: boolean;
	readonly offset: boolean;
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;

function buffers(recorder: Recorder, { process, args }: Call, vector: boolean): Buf[] {
	if (!vector) return [{ addr: args[1], length: Number(args[2] > BigInt(MOST) ? BigInt(MOST) : args[2]) }];
	const count = Math.min(Number(args[2]), MOST_VECTORS);
	const bytes = Buffer.alloc(count * VECTOR_SIZE);
	const got = readMemory(recorder.native, process.pid, args[1], bytes);
	return Array.from({ length: Math.floor(got / VECTOR_SIZE) }, (_, i) => ({
		addr: bytes.readBigUInt64LE(i * VECTOR_SIZE),
		length: Math.min(Number(bytes.readBigUInt64LE(i * VECTOR_SIZE + 8)), MOST),
	}));
}

/** The step of one buffer, of which `moved` bytes were read or written; an errno (negative) goes with the first. */
function stepOf(recorder: Recorder, call: Call, file: OpenFile, form: Form, buf: Buf, moved: bigint, offset: bigint): Step[] {
	const { memory } = recorder.memberOf(call.process);
	const { addr, length } = buf;
	const ret = toRecordedRet(Number(moved));
	const at = form.offset ? { offset: hex(offset) } : {};
	// The buffer itself is at fault: it has to be where the program has it.
	const faulty = moved === -EFAULT;
	const before = faulty ? memory.ensure(addr, BigInt(length)) : [];
	const where = faulty ? { addr: hex(addr) } : {};
	const bytes = Buffer.alloc(form.write ? length : Math.max(0, Number(moved)));
	const readable = memory.read(addr, bytes);
	if (form.write) {
		const data = faulty || readable < length ? { addr: hex(addr), length } : { data: toHex(bytes) };
		const op = form.offset ? "pwrite" : "write";
		return [...before, { op, fd: file.name, ...at, ...data, ...ret } as Step];
	}
	const data = moved >= 0n ? { data: toHex(bytes) } : {};
	return [...before, { op: form.offset ? "pread" : "read", fd: file.name, ...at, length, ...where, ...ret, ...data } as Step];
}

const moving =
	(recorder: Recorder, form: Form): Handler =>
	(call: Call): AtEnd | undefined => {
		const file = call.process.files.get(Number(BigInt.asIntN(32, call.args[0])));
		if (file === undefined) return undefined;
		const bufs = buffers(recorder, call, form.vector);
		return (value) => {
			const steps: Step[] = [];
			let left = value;
			let offset = call.args[3];
			for (const buf of bufs) {
				const moved = left < 0n || left < BigInt(buf.length) ? left : BigInt(buf.length);
				steps.push(...stepOf(recorder, call, file, form, buf, moved, offset));
				left -= moved;
				offset += moved;
				if (moved < BigInt(buf.length)) break;
			}
			recorder.steps(call, file.program, steps);
		};
	};

export function ioHandlers(recorder: Recorder): Readonly<Record<string, Handler>> {
	const form = (write: boolean, vector: boolean, offset: boolean): Handler => moving(recorder, { write, vector, offset });
	return {
		read: form(false, false, false),
		write: form(true, false, false),
		pread64: form(false, false, true),
		pwrite64: form(true, false, true),
		readv: form(false, true, false),
		writev: form(true, true, false),
		preadv: form(false, true, true),
		pwritev: form(true, true, true),
		preadv2: form(false, true, true),
		pwritev2: form(true, true, true),
	};
}
