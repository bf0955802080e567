/** The interface of the process that makes a call: its memory and open files, wherever they are. */
import type { Ret } from "../../kernel/kernel.js";
import type { UserMemory } from "../memory/user-memory.js";
import type { Reasons } from "../why/reasons.js";
import type { SimFile } from "./file.js";

/** A process's open files. */
export interface FileTable {
	file(fd: number): SimFile | undefined;
	/** A descriptor for a new file, or -EMFILE (the file is then released). */
	install(file: SimFile): Ret;
	/** The descriptor that the next `install` will return, or -EMFILE, -ENOMEM; it is not reserved. */
	reserveFd(): Ret;
}

/** A process as the calls see it. */
export interface Caller extends FileTable {
	readonly memory: UserMemory;
	/** false: registers of devices cannot be mapped into it */
	readonly mapsRegisters?: boolean;
	/** those of its kernel */
	readonly reasons: Reasons;
}
