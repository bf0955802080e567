/** fail-nth: the nth allocation of the simulated kernel fails in a thread's calls. */
import { EFAULT, EINVAL } from "../../kernel/errno.js";
import type { Ret } from "../../kernel/kernel.js";
import { type Caller, type Sim, SimFile, type UserIo } from "../../sim/index.js";
import type { Overlay } from "./overlay.js";

const PATH = /^\/proc\/(?:(thread-self)|(?:self|\d+)\/task\/(\d+))\/fail-nth$/;
/** bytes that are looked at of a number */
const LONGEST = 16;

export class FaultInjection {
	readonly #sim: Sim;
	/** by thread: which of its allocations fails, counted from now */
	readonly #nth = new Map<number, number>();

	constructor(sim: Sim) {
		this.#sim = sim;
	}

	get(tid: number): number {
		return this.#nth.get(tid) ?? 0;
	}

	set(tid: number, nth: number): void {
		if (nth === 0) this.#nth.delete(tid);
		else this.#nth.set(tid, nth);
	}

	/** Makes a call of a thread. */
	during<T>(tid: number, call: () => T): T {
		const nth = this.#nth.get(tid);
		if (nth === undefined) return call();
		const sim = this.#sim;
		const before = sim.allocations;
		sim.failingAllocation = before + nth;
		try {
			return call();
		} finally {
			sim.failingAllocation = 0;
			// The call may have set it anew.
			if (this.#nth.get(tid) === nth) this.set(tid, Math.max(0, nth - (sim.allocations - before)));
		}
	}
}

/** An open fail-nth file. */
export class FailNthFile extends SimFile {
	readonly kind = "fail-nth";
	override readonly canRead = true;
	override readonly canWrite = true;
	#position = 0n;

	constructor(
		readonly injection: FaultInjection,
		readonly tid: number,
	) {
		super();
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
		const bytes = Buffer.from(`${this.injection.get(this.tid)}\n`).subarray(
			Number(offset < 16n ? offset : 16n),
			Number(offset) + io.length,
		);
		return bytes.length === 0 ? 0 : io.put(0, bytes) < 0 ? -EFAULT : bytes.length;
	}

	override pwrite(_caller: Caller, io: UserIo): Ret {
		const bytes = new Uint8Array(Math.min(io.length, LONGEST));
		if (io.get(0, bytes) < 0) return -EFAULT;
		const text = Buffer.from(bytes).toString("latin1").replace(/\n$/, "");
		if (!/^(?:0x[0-9a-f]{1,8}|\d{1,10})$/i.test(text)) return -EINVAL;
		this.injection.set(this.tid, Number(text));
		return io.length;
	}
}

export function failNthOverlay(injection: FaultInjection): Overlay {
	return {
		concerns: (path) => path.endsWith("/fail-nth"),
		open(path, _flags, { tid }) {
			const match = PATH.exec(path);
			if (match === null) return undefined;
			return { file: new FailNthFile(injection, match[1] === undefined ? Number(match[2]) : tid) };
		},
	};
}
