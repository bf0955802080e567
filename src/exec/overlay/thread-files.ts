/** /proc's files of fault injection: fail-nth of each thread, and make-it-fail. */
import { EFAULT, EINVAL } from "../../kernel/errno.js";
import type { Ret } from "../../kernel/kernel.js";
import { type Caller, SimFile, type UserIo } from "../../sim/index.js";
import type { FaultInjection } from "./fault-injection.js";
import type { Overlay } from "./overlay.js";

const FAIL_NTH = /^\/proc\/(?:(thread-self)|(?:self|\d+)\/task\/(\d+))\/fail-nth$/;
const MAKE_IT_FAIL = /^\/proc\/(?:(self|thread-self)|(?:(?:self|\d+)\/task\/)?(\d+))\/make-it-fail$/;
/** bytes that are looked at of a number */
const LONGEST = 16;

/** An open file that has a number. */
export class NumberFile extends SimFile {
	readonly kind = "number";
	override readonly canRead = true;
	override readonly canWrite = true;
	readonly #get: () => number;
	readonly #set: (value: number) => boolean;
	#position = 0n;

	/** @param set answers whether it may have the value */
	constructor(get: () => number, set: (value: number) => boolean) {
		super();
		this.#get = get;
		this.#set = set;
	}

	seek(position: bigint): Ret {
		if (position < 0n) return -EINVAL;
		this.#position = position;
		return Number(position);
	}

	override read(caller: Caller, io: UserIo): Ret {
		const done = this.pread(caller, io, this.#position);
		if (done > 0) this.#position += BigInt(done);
		return done;
	}

	override write(caller: Caller, io: UserIo): Ret {
		return this.pwrite(caller, io);
	}

	override pread(_caller: Caller, io: UserIo, offset: bigint): Ret {
		const bytes = Buffer.from(`${this.#get()}\n`).subarray(Number(offset < 16n ? offset : 16n), Number(offset) + io.length);
		return bytes.length === 0 ? 0 : io.put(0, bytes) < 0 ? -EFAULT : bytes.length;
	}

	override pwrite(_caller: Caller, io: UserIo): Ret {
		const bytes = new Uint8Array(Math.min(io.length, LONGEST));
		if (io.get(0, bytes) < 0) return -EFAULT;
		const text = Buffer.from(bytes).toString("latin1").replace(/\n$/, "");
		if (!/^(?:0x[0-9a-f]{1,8}|\d{1,10})$/i.test(text) || !this.#set(Number(text))) return -EINVAL;
		return io.length;
	}
}

export function threadFilesOverlay(faults: FaultInjection): Overlay {
	return {
		concerns: (path) => path.endsWith("/fail-nth") || path.endsWith("/make-it-fail"),
		open(path, _flags, asking) {
			const nth = FAIL_NTH.exec(path);
			const made = nth ?? MAKE_IT_FAIL.exec(path);
			if (made === null) return undefined;
			const tid = made[1] === undefined ? Number(made[2]) : asking.tid;
			if (nth === null)
				return {
					file: new NumberFile(
						() => Number(faults.marked(tid)),
						(value) => {
							if (value <= 1) faults.mark(tid, value === 1);
							return value <= 1;
						},
					),
				};
			const set = (value: number): boolean => {
				faults.setNth(tid, value);
				return true;
			};
			return { file: new NumberFile(() => faults.nth(tid), set) };
		},
	};
}
