/** The device files of VFIO. */
import {
	vfio_device_attach_iommufd_pt as ATTACH,
	vfio_device_bind_iommufd as BIND,
	vfio_device_detach_iommufd_pt as DETACH,
	vfio_defines as V,
} from "../../../structs/index.js";
import { E2BIG, EBADF, EBADFD, EBUSY, EFAULT, EINVAL, ENODEV, ENOMEM, EOPNOTSUPP } from "../../kernel/errno.js";
import type { Ret } from "../../kernel/kernel.js";
import { IommufdFile } from "../iommufd/iommufd-file.js";
import type { UserArg } from "../memory/user-arg.js";
import type { Caller } from "../process/caller.js";
import { SimFile, type UserIo } from "../process/file.js";
import { readArg, writeU32 } from "./args.js";
import type { VfioDevice } from "./device.js";
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
		const refused = this.device.group.host.release?.refusesDeviceCall(request, () => readArg(arg, 8)?.getUint32(4, true)) ?? 0;
		if (refused < 0) return refused;
		if (request === VFIO_DEVICE_BIND_IOMMUFD) return this.#bind(process, arg);
		if (!this.#granted) return -EINVAL;
		if (this.alone) {
			if (request === VFIO_DEVICE_ATTACH_IOMMUFD_PT) return this.#attach(arg);
			if (request === VFIO_DEVICE_DETACH_IOMMUFD_PT) return this.#detach(arg);
		}
		return this.device.ioctl(process, request, arg, this.alone);
	}

	override read(process: Caller, io: UserIo): Ret {
		return this.#advance(this.pread(process, io, this.#position));
	}

	override write(process: Caller, io: UserIo): Ret {
		return this.#advance(this.pwrite(process, io, this.#position));
	}

	override pread(_process: Caller, io: UserIo, offset: bigint): Ret {
		return this.#granted ? this.device.read(io, offset) : -EINVAL;
	}

	override pwrite(_process: Caller, io: UserIo, offset: bigint): Ret {
		return this.#granted ? this.device.write(io, offset) : -EINVAL;
	}

	/** Regions cannot be mapped here, although they have the MMAP flag as on real hardware. */
	override mmap(): Ret {
		if (!this.#granted) return -EINVAL;
		this.device.group.host.warn("vfio: mapping a device's region with mmap is not simulated");
		return -ENODEV;
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

	#advance(done: Ret): Ret {
		if (done > 0) this.#position += BigInt(done);
		return done;
	}

	/** VFIO_DEVICE_BIND_IOMMUFD: returns the object's ID in out_devid. */
	#bind(process: Caller, arg: UserArg): Ret {
		const head = readArg(arg, 4);
		if (head === undefined) return -EFAULT;
		const size = head.getUint32(0, true);
		if (size < BIND_MIN) return -EINVAL;
		if (size > MAX_ARG) return -E2BIG;
		const tail = arg.checkZero(BIND.size, Math.max(size - BIND.size, 0));
		if (tail < 0) return tail;
		const bytes = new Uint8Array(BIND.size);
		if (arg.read(0, bytes.subarray(0, Math.min(size, BIND.size))) < 0) return -EFAULT;
		const { flags, iommufd, token_uuid_ptr } = BIND.decode(bytes);
		if (flags & ~TOKEN || iommufd < 0 || !this.alone) return -EINVAL;
		const { device } = this;
		if (device.group.opened) return -EBUSY;
		if (this.#granted) return -EINVAL;
		const token = (): Uint8Array | Ret => {
			const uuid = new Uint8Array(16);
			return process.memory.read(token_uuid_ptr, uuid) < 0 ? -EFAULT : uuid;
		};
		let rc = device.checkToken(flags & TOKEN ? token : undefined);
		if (rc < 0) return rc;
		const file = process.file(iommufd);
		if (file === undefined) return -EBADF;
		if (!(file instanceof IommufdFile)) return -EBADFD;
		if (device.opens > 0) return -EINVAL;
		rc = device.group.host.allocation() ? device.open(file.context) : -ENOMEM;
		if (rc < 0) return rc;
		if (writeU32(arg, BIND.offsets.out_devid, device.binding?.id ?? 0) < 0) {
			device.close();
			return -EFAULT;
		}
		device.group.boundAlone++;
		this.#granted = true;
		return 0;
	}

	/** VFIO_DEVICE_ATTACH_IOMMUFD_PT: returns the page table's ID in pt_id. */
	#attach(arg: UserArg): Ret {
		const { binding } = this.device;
		const fixed = ATTACH.offsets.pasid;
		const head = readArg(arg, fixed);
		if (head === undefined) return -EFAULT;
		const size = head.getUint32(ATTACH.offsets.argsz, true);
		const flags = head.getUint32(ATTACH.offsets.flags, true);
		const target = head.getUint32(ATTACH.offsets.pt_id, true);
		if (size < fixed || flags & ~V.VFIO_DEVICE_ATTACH_PASID || binding === undefined) return -EINVAL;
		let pasid: number | undefined;
		if (flags !== 0) {
			if (binding.attachPasid === undefined) return -EOPNOTSUPP;
			pasid = readPasid(arg, size, ATTACH.offsets.pasid);
			if (pasid < 0) return pasid;
		}
		const rc = pasid === undefined ? binding.attach(target) : (binding.attachPasid?.(pasid, target) ?? -EOPNOTSUPP);
		if (rc < 0) return rc;
		const written = writeU32(arg, ATTACH.offsets.pt_id, rc);
		if (written < 0) {
			if (pasid === undefined) binding.detach();
			else binding.detachPasid?.(pasid);
		}
		return written;
	}

	/** VFIO_DEVICE_DETACH_IOMMUFD_PT: succeeds even if nothing is attached. */
	#detach(arg: UserArg): Ret {
		const { binding } = this.device;
		const fixed = DETACH.offsets.pasid;
		const head = readArg(arg, fixed);
		if (head === undefined) return -EFAULT;
		const size = head.getUint32(DETACH.offsets.argsz, true);
		const flags = head.getUint32(DETACH.offsets.flags, true);
		if (size < fixed || flags & ~V.VFIO_DEVICE_DETACH_PASID || binding === undefined) return -EINVAL;
		if (flags === 0) {
			binding.detach();
			return 0;
		}
		if (binding.detachPasid === undefined) return -EOPNOTSUPP;
		const pasid = readPasid(arg, size, DETACH.offsets.pasid);
		if (pasid < 0) return pasid;
		binding.detachPasid(pasid);
		return 0;
	}
}

/** The PASID after the fixed part, or minus the errno where `size` does not include it or it cannot be read. */
function readPasid(arg: UserArg, size: number, offset: number): number {
	if (size < offset + 4) return -EINVAL;
	const view = readArg(arg, offset + 4);
	return view === undefined ? -EFAULT : view.getUint32(offset, true);
}
