/** Who makes a call: its memory and its open files, wherever they are. */
import type { Ret } from "../../kernel/kernel.js";
import type { UserMemory } from "../memory/user-memory.js";
import type { SimFile } from "./file.js";

/** A process's open files. */
export interface FileTable {
	file(fd: number): SimFile | undefined;
	/** A descriptor for a new file, or -EMFILE (and the file is released). */
	install(file: SimFile): Ret;
	/** The descriptor that the next `install` gives, or -EMFILE, -ENOMEM; nothing is taken. */
	reserveFd(): Ret;
}

/** A process as the calls see it. */
export interface Caller extends FileTable {
	readonly memory: UserMemory;
}
