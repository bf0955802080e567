/** Gives descriptors in structs the numbers by which a recording knows their files, whatever numbers the program has for them. */
import { statSync } from "node:fs";
import type { Kernel } from "../../kernel/kernel.js";
import type { SimFile } from "../../sim/index.js";
import { eventIdOf } from "../event-fds.js";
import { ForeignFile } from "../foreign-file.js";
import type { GuestKernel } from "../guest-kernel.js";
import { keyOfStat } from "../memory/maps.js";
import type { Traced } from "../traced.js";
import type { FilesOfRecording } from "./files.js";

/** Where a struct has descriptors: offsets in bytes. */
export type FdOffsets = (request: number, struct: Uint8Array) => readonly number[];

export class RecordedNumbers {
	readonly #guest: GuestKernel;
	readonly #offsets: FdOffsets;
	readonly #files: FilesOfRecording;

	constructor(guest: GuestKernel, offsets: FdOffsets, files: FilesOfRecording) {
		this.#guest = guest;
		this.#offsets = offsets;
		this.#files = files;
	}

	/** Replaces the descriptors in `struct`, for the call that `process` makes on `kernel` now. @returns what puts them back */
	replace(process: Traced, kernel: Kernel, request: number, struct: Uint8Array): () => void {
		const view = new DataView(struct.buffer, struct.byteOffset, struct.length);
		const given: [offset: number, fd: number, recorded: number][] = [];
		const files = new Map<number, SimFile>();
		for (const offset of this.#offsets(request, struct)) {
			const fd = view.getInt32(offset, true);
			const own = process.file(fd);
			const file = own?.file ?? this.#guest.file(fd);
			const recorded = own?.number ?? (file instanceof ForeignFile ? this.#foreign(process, kernel, fd, file) : undefined);
			if (file === undefined || recorded === undefined || recorded === fd) continue;
			given.push([offset, fd, recorded]);
			files.set(recorded, file);
		}
		for (const [offset, , recorded] of given) view.setInt32(offset, recorded, true);
		this.#guest.renumbered = files;
		return () => {
			this.#guest.renumbered = undefined;
			for (const [offset, fd, recorded] of given) if (view.getInt32(offset, true) === recorded) view.setInt32(offset, fd, true);
		};
	}

	/** The number of a program's own file; undefined: it cannot be recorded. */
	#foreign({ pid }: Traced, kernel: Kernel, fd: number, file: ForeignFile): number | undefined {
		try {
			if (file.event !== undefined) return this.#files.eventfd(kernel, eventIdOf(pid, fd) ?? "");
			// One that is neither: nor is an empty one of any use.
			if (file.memory === undefined) return this.#files.memory(kernel, "", 0n, 4096);
			const key = keyOfStat(statSync(`/proc/${pid}/fd/${fd}`, { bigint: true }));
			return this.#files.memory(kernel, key, BigInt(file.length), file.memory.blockAt?.(0) ?? 4096);
		} catch {
			return undefined;
		}
	}
}
