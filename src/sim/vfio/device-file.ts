/** The device files of VFIO. */
import {
	vfio_device_attach_iommufd_pt as ATTACH,
	vfio_device_bind_iommufd as BIND,
	vfio_device_detach_iommufd_pt as DETACH,
	vfio_defines as V,
} from "../../../structs/index.js";
import { E2BIG } from "../../kernel/errno.js";
import type { Ret } from "../../kernel/kernel.js";
import { IommufdFile } from "../iommufd/iommufd-file.js";
import { faultAt } from "../memory/fault.js";
import type { MemoryObject } from "../memory/memory-object.js";
import type { UserArg } from "../memory/user-arg.js";
import type { Caller } from "../process/caller.js";
import { SimFile, type UserIo } from "../process/file.js";
import { readArg, writeU32 } from "./args.js";
import { aloneChecks, attachPtChecks, bindChecks, boundChecks, detachPtChecks, pasidArgChecks, tokenChecks } from "./checks/device-file.js";
import type { VfioDevice } from "./device.js";
import { deviceCallName } from "./request-names.js";
import { VFIO_DEVICE_ATTACH_IOMMUFD_PT, VFIO_DEVICE_BIND_IOMMUFD, VFIO_DEVICE_DETACH_IOMMUFD_PT } from "./requests.js";

/** VFIO_DEVICE_BIND_FLAG_TOKEN: token_uuid_ptr is valid */
const TOKEN = 1;
const MAX_ARG = 4096;
/** the least size of BIND's struct in bytes: up to out_devid */
const BIND_MIN = BIND.offsets.token_uuid_ptr;

/** An open /dev/vfio/devices/vfioN, or a device opened through its group's file. */
export class VfioDeviceFile extends SimFile {
	readonly kind = "vfio-device";
	override readonly canRead = true;
	override readonly canWrite = true;
	#position = 0n;
	#granted: boolean;

	constructor(
		readonly device: VfioDevice,
		/** opened as /dev/vfio/devices/vfioN; otherwise the group's file has already bound it */
		readonly alone: boolean,
	) {
		super();
		this.#granted = !alone;
	}

	override ioctl(process: Caller, request: number, arg: UserArg): Ret {
		const { reasons } = process;
		reasons.within(deviceCallName(request));
		const refused = this.device.group.host.release?.refusesDeviceCall(request, () => flagsOf(arg), reasons) ?? 0;
		if (refused < 0) return refused;
		if (request === VFIO_DEVICE_BIND_IOMMUFD) return this.#bind(process, arg);
		if (!this.#granted) return this.#notBound();
		if (request === VFIO_DEVICE_ATTACH_IOMMUFD_PT || request === VFIO_DEVICE_DETACH_IOMMUFD_PT) {
			if (!this.alone) return reasons.fail(aloneChecks.throughGroup, this.device.node);
			return request === VFIO_DEVICE_ATTACH_IOMMUFD_PT ? this.#attach(process, arg) : this.#detach(process, arg);
		}
		return this.device.ioctl(process, request, arg, this.alone);
	}

	override read(process: Caller, io: UserIo): Ret {
		return this.#advance(this.pread(process, io, this.#position));
	}

	override write(process: Caller, io: UserIo): Ret {
		return this.#advance(this.pwrite(process, io, this.#position));
	}

	override pread(process: Caller, io: UserIo, offset: bigint): Ret {
		return this.#granted ? this.device.read(process, io, offset) : this.#notBound();
	}

	override pwrite(process: Caller, io: UserIo, offset: bigint): Ret {
		return this.#granted ? this.device.write(process, io, offset) : this.#notBound();
	}

	/** A mapping keeps the file, and so the device, open. */
	override mmap(offset: number, pages: number): { object: MemoryObject; page: number } | Ret {
		if (!this.#granted) return this.#notBound();
		return this.device.mmap(offset, pages, (change) => (change > 0 ? this.get() : this.put()));
	}

	/** The device behind the file does DMA; before it is bound nothing happens. */
	override dma(dir: "read" | "write", iova: bigint, length: number, buf: number): Uint8Array[] {
		if (this.device.group.host.dmaTurnsMasteringOn) this.device.masterBus();
		return this.#granted ? this.device.dma(dir, iova, length, buf) : [];
	}

	protected override release(): void {
		if (!this.#granted) return;
		this.device.close();
		if (this.alone) this.device.group.boundAlone--;
	}

	#notBound(): Ret {
		return this.device.reasons.fail(boundChecks.notBound, this.device.node);
	}

	#advance(done: Ret): Ret {
		if (done > 0) this.#position += BigInt(done);
		return done;
	}

	/** VFIO_DEVICE_BIND_IOMMUFD: returns the object's ID in out_devid. */
	#bind(process: Caller, arg: UserArg): Ret {
		const bytes = this.#copyBind(process, arg);
		if (typeof bytes === "number") return bytes;
		const { reasons } = process;
		const { device } = this;
		const { group, node } = device;
		const { flags, iommufd, token_uuid_ptr } = BIND.decode(bytes);
		const unknown = flags & ~TOKEN;
		if (unknown) return reasons.fail(bindChecks.flags, flags, unknown >>> 0);
		if (iommufd < 0) return reasons.fail(bindChecks.fdNegative, iommufd);
		if (!this.alone) return reasons.fail(bindChecks.groupBound, node);
		if (group.opened) return reasons.fail(bindChecks.groupOpen, group.path);
		if (this.#granted) return reasons.fail(bindChecks.boundHere, node, idOf(device));
		const token = (): Uint8Array | Ret => {
			const uuid = new Uint8Array(16);
			if (process.memory.read(token_uuid_ptr, uuid) >= 0) return uuid;
			return reasons.fail(tokenChecks.tokenUnreadable, token_uuid_ptr, faultAt(process.memory, token_uuid_ptr, uuid.length, false));
		};
		let rc = device.checkToken(flags & TOKEN ? token : undefined);
		if (rc < 0) return rc;
		const file = process.file(iommufd);
		if (file === undefined) return reasons.fail(bindChecks.noFile, iommufd);
		if (!(file instanceof IommufdFile)) return reasons.fail(bindChecks.notIommufd, iommufd, file.kind);
		if (device.opens > 0) return reasons.fail(bindChecks.boundElsewhere, node, idOf(device));
		const { host } = group;
		if (!host.allocation()) return reasons.fail(bindChecks.bindMemory, host.allocations);
		rc = device.open(file.context);
		if (rc < 0) return rc;
		rc = writeU32(process, arg, BIND.offsets.out_devid, idOf(device));
		if (rc < 0) {
			device.close();
			return rc;
		}
		group.boundAlone++;
		this.#granted = true;
		return 0;
	}

	/** The struct of BIND as this kernel knows it. */
	#copyBind(process: Caller, arg: UserArg): Uint8Array | Ret {
		const { reasons, memory } = process;
		const head = readArg(process, arg, 4);
		if (typeof head === "number") return head;
		const size = head.getUint32(0, true);
		if (size < BIND_MIN) return reasons.fail(bindChecks.argszTooSmall, size, BIND_MIN);
		if (size > MAX_ARG) return reasons.fail(bindChecks.argszTooLarge, size, MAX_ARG);
		const tail = arg.checkZero(BIND.size, Math.max(size - BIND.size, 0));
		if (tail === -E2BIG) return reasons.fail(bindChecks.tailNotZero, size, BIND.size);
		if (tail < 0) return reasons.fail(bindChecks.tailUnreadable, size, arg.value, faultAt(memory, arg.value, size, false));
		const bytes = new Uint8Array(BIND.size);
		const known = bytes.subarray(0, Math.min(size, BIND.size));
		if (arg.read(0, known) >= 0) return bytes;
		return reasons.fail(bindChecks.structUnreadable, arg.value, faultAt(memory, arg.value, known.length, false));
	}

	/** VFIO_DEVICE_ATTACH_IOMMUFD_PT: returns the page table's ID in pt_id. */
	#attach(process: Caller, arg: UserArg): Ret {
		const { reasons } = process;
		const { binding } = this.device;
		if (binding === undefined) return this.#notBound();
		const fixed = ATTACH.offsets.pasid;
		const head = readArg(process, arg, fixed);
		if (typeof head === "number") return head;
		const size = head.getUint32(ATTACH.offsets.argsz, true);
		const flags = head.getUint32(ATTACH.offsets.flags, true);
		const target = head.getUint32(ATTACH.offsets.pt_id, true);
		if (size < fixed) return reasons.fail(attachPtChecks.argsz, size, fixed);
		const unknown = flags & ~V.VFIO_DEVICE_ATTACH_PASID;
		if (unknown) return reasons.fail(attachPtChecks.flags, flags, unknown >>> 0);
		let pasid: number | undefined;
		let rc: Ret;
		if (flags === 0) rc = binding.attach(target);
		else {
			if (binding.attachPasid === undefined) return reasons.fail(pasidArgChecks.noPasids, this.device.node);
			pasid = readPasid(process, arg, size, ATTACH.offsets.pasid);
			if (pasid < 0) return pasid;
			rc = binding.attachPasid(pasid, target);
		}
		if (rc < 0) return rc;
		const written = writeU32(process, arg, ATTACH.offsets.pt_id, rc);
		if (written < 0) {
			if (pasid === undefined) binding.detach();
			else binding.detachPasid?.(pasid);
		}
		return written;
	}

	/** VFIO_DEVICE_DETACH_IOMMUFD_PT: succeeds even if nothing is attached. */
	#detach(process: Caller, arg: UserArg): Ret {
		const { reasons } = process;
		const { binding } = this.device;
		if (binding === undefined) return this.#notBound();
		const fixed = DETACH.offsets.pasid;
		const head = readArg(process, arg, fixed);
		if (typeof head === "number") return head;
		const size = head.getUint32(DETACH.offsets.argsz, true);
		const flags = head.getUint32(DETACH.offsets.flags, true);
		if (size < fixed) return reasons.fail(detachPtChecks.argsz, size, fixed);
		const unknown = flags & ~V.VFIO_DEVICE_DETACH_PASID;
		if (unknown) return reasons.fail(detachPtChecks.flags, flags, unknown >>> 0);
		if (flags === 0) {
			binding.detach();
			return 0;
		}
		if (binding.detachPasid === undefined) return reasons.fail(pasidArgChecks.noPasids, this.device.node);
		const pasid = readPasid(process, arg, size, DETACH.offsets.pasid);
		if (pasid < 0) return pasid;
		binding.detachPasid(pasid);
		return 0;
	}
}

/** The PASID after the fixed part, or minus the errno where `size` does not include it or it cannot be read. */
function readPasid(process: Caller, arg: UserArg, size: number, offset: number): number {
	if (size < offset + 4) return process.reasons.fail(pasidArgChecks.pasidMissing, size, offset + 4);
	const view = readArg(process, arg, offset + 4, pasidArgChecks.pasidUnreadable);
	return typeof view === "number" ? view : view.getUint32(offset, true);
}

/** The second word of a struct; undefined where it cannot be read. */
function flagsOf(arg: UserArg): number | undefined {
	const bytes = new Uint8Array(8);
	return arg.read(0, bytes) < 0 ? undefined : new DataView(bytes.buffer).getUint32(4, true);
}

/** The ID of the device's object. */
function idOf({ binding }: VfioDevice): number {
	return binding?.id ?? 0;
}
