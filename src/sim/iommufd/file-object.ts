/** Completes objects that come with a file. */
import type { Ret } from "../../kernel/kernel.js";
import type { SimFile } from "../process/file.js";
import type { Command } from "./command.js";
import type { IommufdObject } from "./object.js";

/**
 * Return an object and its file to the caller: the descriptor goes into the struct. Object and file are published only
 * once the struct is written. On -EMFILE, -EFAULT nothing is left.
 */
export function respondWithFile(command: Command, object: IommufdObject, file: SimFile, fdOffset: number): Ret {
	const { process, context } = command;
	const fd = process.reserveFd();
	let rc = fd;
	if (fd >= 0) {
		command.setU32(fdOffset, fd);
		rc = command.respond();
	}
	if (rc < 0) {
		file.put();
		context.abort(object);
		return rc;
	}
	context.finalize(object);
	process.install(file);
	return 0;
}
