/** Copies from and to another process's memory. */
import { closeSync, openSync } from "node:fs";
import { AT, DATA_ROOM, type Native } from "../native.js";

/** The memory of one program image: it is the same until the process ends or executes another one. */
export class RemoteBytes {
	readonly #native: Native;
	#mem: number | undefined;

	constructor(
		native: Native,
		readonly pid: number,
	) {
		this.#native = native;
		try {
			// Held open it names this very image, also after the process has executed another one.
			this.#mem = openSync(`/proc/${pid}/mem`, "r+");
		} catch {
			this.#mem = undefined;
		}
	}

	/** Copies as the process could read it itself. Number of bytes until the first that it cannot. */
	read(addr: bigint, into: Uint8Array): number {
		return this.#copy("process_vm_readv", addr, into);
	}

	/** Copies as the process could write it itself. */
	write(addr: bigint, from: Uint8Array): number {
		return this.#copy("process_vm_writev", addr, from);
	}

	/** Copies whatever the protection is, as a debugger does. Number of bytes; less than asked for where nothing is mapped. */
	peek(addr: bigint, into: Uint8Array): number {
		return this.#through("pread64", addr, into);
	}

	poke(addr: bigint, from: Uint8Array): number {
		return this.#through("pwrite64", addr, from);
	}

	/** Whether the image still exists. `addr`: where something is mapped. */
	alive(addr: bigint): boolean {
		return this.#mem !== undefined && this.#native.call("pread64", this.#mem, this.#native.at(AT.data), 1, addr) === 1;
	}

	close(): void {
		if (this.#mem !== undefined) closeSync(this.#mem);
		this.#mem = undefined;
	}

	#copy(name: "process_vm_readv" | "process_vm_writev", addr: bigint, bytes: Uint8Array): number {
		const { bytes: scratch, view } = this.#native;
		for (let done = 0; done < bytes.length; ) {
			const length = Math.min(bytes.length - done, DATA_ROOM);
			if (name === "process_vm_writev") scratch.set(bytes.subarray(done, done + length), AT.data);
			view.setBigUint64(AT.local, this.#native.at(AT.data), true);
			view.setBigUint64(AT.local + 8, BigInt(length), true);
			view.setBigUint64(AT.remote, BigInt.asUintN(64, addr + BigInt(done)), true);
			view.setBigUint64(AT.remote + 8, BigInt(length), true);
			const ret = this.#native.call(name, this.pid, this.#native.at(AT.local), 1, this.#native.at(AT.remote), 1, 0);
			const copied = Math.max(ret, 0);
			if (name === "process_vm_readv") bytes.set(scratch.subarray(AT.data, AT.data + copied), done);
			done += copied;
			if (copied < length) return done;
		}
		return bytes.length;
	}

	#through(name: "pread64" | "pwrite64", addr: bigint, bytes: Uint8Array): number {
		if (this.#mem === undefined) return 0;
		const { bytes: scratch } = this.#native;
		for (let done = 0; done < bytes.length; ) {
			const length = Math.min(bytes.length - done, DATA_ROOM);
			if (name === "pwrite64") scratch.set(bytes.subarray(done, done + length), AT.data);
			const copied = Math.max(this.#native.call(name, this.#mem, this.#native.at(AT.data), length, addr + BigInt(done)), 0);
			if (name === "pread64") bytes.set(scratch.subarray(AT.data, AT.data + copied), done);
			done += copied;
			if (copied < length) return done;
		}
		return bytes.length;
	}
}
