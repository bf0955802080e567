import type { Ret } from "../../kernel/kernel.js";
import type { SimFile } from "../process/file.js";
import type { Command } from "./command.js";
import type { IommufdObject } from "./object.js";

/**
 * Complete an object that comes with a file: the descriptor's number goes into the struct, and only
 * if the caller got both do they come to be. -EMFILE, -EFAULT; then nothing is left.
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
