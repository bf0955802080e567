/** Files with a text, as memory files. */
import { AT, DATA_ROOM, type Native } from "../native.js";

const MFD_CLOEXEC = 1;

/** A file of ours with this text. Its number, or minus the errno. */
export function textFile(native: Native, text: string): number {
	const fd = native.call("memfd_create", native.text("iommuctl"), MFD_CLOEXEC);
	if (fd < 0) return fd;
	const length = native.bytes.write(text, AT.data, DATA_ROOM);
	native.call("pwrite64", fd, native.at(AT.data), length, 0);
	return fd;
}
