/** The selftest's commands on accesses. */
import {
	mock_flags_access_create as CREATE,
	mock_flags_access as FLAG,
	iommu_test_cmd,
	mock_access_rw as RW,
} from "../../../../structs/index.js";
import type { Ret } from "../../../kernel/kernel.js";
import { countedIova } from "../../iova/counted.js";
import { type Access, pinnedPages } from "../access.js";
import type { Command } from "../command.js";
import { AccessFile } from "./access-file.js";
import { accessPagesChecks, accessRwChecks, createAccessChecks, destroyPagesChecks, findAccessChecks } from "./checks.js";
import { isLastPage, userPage } from "./memory-commands.js";

const at = iommu_test_cmd.offsets;
/** the most bytes that one command may touch */
const MAX_LENGTH = 16n << 20n;

/** CREATE_ACCESS: returns a file that stands for an in-kernel user of the IOAS. */
export function createAccess(command: Command): Ret {
	const { context, process } = command;
	const flags = command.u32(at["create_access.flags"]);
	const unknown = flags & ~CREATE.MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES;
	if (unknown) return command.fail(createAccessChecks.flags, flags, unknown >>> 0);
	const fd = process.reserveFd();
	if (fd < 0) return fd;
	const file = new AccessFile(context, flags !== 0);
	let rc = file.replaceIoas(command.u32(at.id));
	if (rc === 0) {
		command.setU32(at["create_access.out_access_fd"], fd);
		rc = command.respond();
	}
	if (rc < 0) file.put();
	else process.install(file);
	return rc;
}

function findAccess(command: Command): AccessFile | Ret {
	const fd = command.s32(at.id);
	const file = command.process.file(fd);
	if (file instanceof AccessFile) return file;
	return command.fail(findAccessChecks.noAccess, fd, file === undefined ? "not open" : `a file of kind ${file.kind}`);
}

export function replaceIoas(command: Command): Ret {
	const file = findAccess(command);
	if (typeof file === "number") return file;
	return file.replaceIoas(command.u32(at["access_replace_ioas.ioas_id"]));
}

/** Pin pages and, if `uptr` is given, check that they are those of the user's address. */
export function accessPages(command: Command): Ret {
	const flags = command.u32(at["access_pages.flags"]);
	const length = command.u64(at["access_pages.length"]);
	const uptr = command.u64(at["access_pages.uptr"]);
	let iova = command.u64(at["access_pages.iova"]);
	if (length > MAX_LENGTH) return command.fail(accessPagesChecks.tooLong, length);
	const unknown = flags & ~(FLAG.MOCK_FLAGS_ACCESS_WRITE | FLAG.MOCK_FLAGS_ACCESS_SYZ);
	if (unknown) return command.fail(accessPagesChecks.flags, flags, unknown >>> 0);
	const file = findAccess(command);
	if (typeof file === "number") return file;
	const { access } = file;
	if (!access.pins) return command.fail(accessPagesChecks.cannotPin, access.id);
	if (flags & FLAG.MOCK_FLAGS_ACCESS_SYZ) iova = countedAreaIova(access, iova);
	const pinned = access.pin(iova, length, (flags & FLAG.MOCK_FLAGS_ACCESS_WRITE) !== 0);
	if (typeof pinned === "number") return pinned;
	let rc: Ret = 0;
	if (uptr !== 0n) {
		let at = uptr - (iova & 0xfffn);
		for (const mine of pinnedPages(pinned)) {
			const page = userPage(command.process.memory, at);
			if (isLastPage(at)) rc = command.fail(accessPagesChecks.lastPage, at);
			else if (page === undefined) rc = command.fail(accessPagesChecks.noUserPage, at);
			else if (page.object !== mine?.object || page.page !== mine.page) rc = command.fail(accessPagesChecks.otherPage, at);
			if (rc < 0) break;
			at += 0x1000n;
		}
	}
	if (rc === 0) {
		const id = file.keep(pinned);
		command.setU32(at["access_pages.out_access_pages_id"], id);
		rc = command.respond();
		if (rc < 0) file.drop(id);
	} else access.unpin(pinned);
	return rc;
}

export function destroyAccessPages(command: Command): Ret {
	const file = findAccess(command);
	if (typeof file === "number") return file;
	const id = command.u32(at["destroy_access_pages.access_pages_id"]);
	return file.drop(id) ? 0 : command.fail(destroyPagesChecks.noPages, id);
}

/** Copy between the user's buffer and the IOAS. */
export function accessRw(command: Command): Ret {
	const { memory } = command.process;
	const flags = command.u32(at["access_rw.flags"]);
	const length = command.u64(at["access_rw.length"]);
	const uptr = command.u64(at["access_rw.uptr"]);
	let iova = command.u64(at["access_rw.iova"]);
	const unknown = flags & ~(RW.MOCK_ACCESS_RW_WRITE | RW.MOCK_ACCESS_RW_SLOW_PATH | FLAG.MOCK_FLAGS_ACCESS_SYZ);
	if (length > MAX_LENGTH) return command.fail(accessRwChecks.tooLong, length);
	if (unknown) return command.fail(accessRwChecks.flags, flags, unknown >>> 0);
	const file = findAccess(command);
	if (typeof file === "number") return file;
	const write = (flags & RW.MOCK_ACCESS_RW_WRITE) !== 0;
	const data = new Uint8Array(Number(length));
	if (write && memory.read(uptr, data) < 0) return command.fail(accessRwChecks.unreadable, uptr, command.fault(uptr, data.length, false));
	if (flags & FLAG.MOCK_FLAGS_ACCESS_SYZ) iova = countedAreaIova(file.access, iova);
	const direct = flags & RW.MOCK_ACCESS_RW_SLOW_PATH ? undefined : memory;
	const rc = file.access.copy(iova, data, write, direct);
	if (rc < 0 || write) return rc;
	if (memory.write(uptr, data) >= 0) return 0;
	return command.fail(accessRwChecks.notWritable, uptr, command.fault(uptr, data.length, true));
}

function countedAreaIova({ ioas }: Access, value: bigint): bigint {
	return ioas === undefined ? 0n : countedIova(ioas.space, value);
}
