/** Messages between two processes, over a pipe each way. */
import { closeSync, readSync, writeSync } from "node:fs";
import { deserialize, serialize } from "node:v8";

/** Sends and receives values as `v8.serialize` has them. Both block. */
export class Channel {
	constructor(
		readonly from: number,
		readonly to: number,
	) {}

	/** @returns false if nobody reads at the other end any more */
	send(value: unknown): boolean {
		const body = serialize(value);
		const head = Buffer.alloc(4);
		head.writeUInt32LE(body.length);
		try {
			for (const part of [head, body]) for (let at = 0; at < part.length; ) at += writeSync(this.to, part, at);
			return true;
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code === "EPIPE") return false;
			throw error;
		}
	}

	/** The next message; undefined if the other end was closed. */
	receive(): unknown {
		const head = this.#read(4);
		const body = head && this.#read(head.readUInt32LE());
		return body && deserialize(body);
	}

	close(): void {
		closeSync(this.from);
		closeSync(this.to);
	}

	#read(length: number): Buffer | undefined {
		const bytes = Buffer.alloc(length);
		for (let at = 0; at < length; ) {
			const count = readSync(this.from, bytes, at, length - at, null);
			if (count === 0) return undefined;
			at += count;
		}
		return bytes;
	}
}
