/** The selftest's DMA-bufs: files of device memory that can be mapped into an IOAS and revoked. */
import { iommu_test_cmd } from "../../../../structs/index.js";
import type { Ret } from "../../../kernel/kernel.js";
import { SimFile } from "../../process/file.js";
import type { Command } from "../command.js";
import { dmabufGetChecks, dmabufRevokeChecks } from "./checks.js";

const at = iommu_test_cmd.offsets;
/** bytes */
const LONGEST = 4 << 20;
const ACCESS_MODE = 3;
const O_RDONLY = 0;
const O_WRONLY = 1;
const O_RDWR = 2;

export class DmabufFile extends SimFile {
	readonly kind = "dmabuf";
	override readonly hasOffsets = false;
	override readonly deviceMemory: { readonly length: bigint; revoked: boolean };
	override readonly openForRead: boolean;
	override readonly openForWrite: boolean;

	constructor(length: bigint, flags: number) {
		super();
		this.deviceMemory = { length, revoked: false };
		const mode = flags & ACCESS_MODE;
		this.openForRead = mode === O_RDONLY || mode === O_RDWR;
		this.openForWrite = mode === O_WRONLY || mode === O_RDWR;
	}
}

/**
 * DMABUF_GET. Linux 7.3 opens the file at the lowest free descriptor, but then returns 0 instead of that descriptor: the
 * caller has to find it. Linux 7.4 returns it.
 */
export function dmabufGet(command: Command): Ret {
	const { process } = command;
	const length = command.u32(at["dmabuf_get.length"]);
	if (length === 0 || length > LONGEST) return command.fail(dmabufGetChecks.dmabufLength, length);
	const fd = process.reserveFd();
	if (fd < 0) return fd;
	process.install(new DmabufFile((BigInt(length) + 0xfffn) & ~0xfffn, command.u32(at["dmabuf_get.open_flags"])));
	if (command.context.system.release?.gained("selftest.dmabuf-get")) return fd;
	process.reasons.note(dmabufGetChecks.descriptorNotTold, fd);
	return 0;
}

/** DMABUF_REVOKE: the buffer cannot be mapped any more (`revoked` 0: it can again). */
export function dmabufRevoke(command: Command): Ret {
	const fd = command.s32(at["dmabuf_revoke.dmabuf_fd"]);
	const file = command.process.file(fd);
	if (file === undefined) return command.fail(dmabufRevokeChecks.noFile, fd);
	if (!(file instanceof DmabufFile)) return command.fail(dmabufRevokeChecks.notDmabuf, fd, file.kind);
	file.deviceMemory.revoked = command.u32(at["dmabuf_revoke.revoked"]) !== 0;
	return 0;
}
