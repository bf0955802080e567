/** The group files of VFIO. */
import { EBADF, EBADFD, EFAULT, EINVAL, EMFILE, ENODEV, ENOTTY } from "../../kernel/errno.js";
import type { Ret } from "../../kernel/kernel.js";
import type { IommufdContext } from "../iommufd/context.js";
import { Ioas } from "../iommufd/ioas.js";
import { IommufdFile } from "../iommufd/iommufd-file.js";
import type { UserArg } from "../memory/user-arg.js";
import type { Caller } from "../process/caller.js";
import { SimFile } from "../process/file.js";
import { readArg, writeU32 } from "./args.js";
import { VfioDeviceFile } from "./device-file.js";
import type { VfioGroup } from "./group.js";
import * as request from "./requests.js";
import { parseToken } from "./token.js";

const VIABLE = 1;
const CONTAINER_SET = 2;
const MAX_NAME = 4096;

/** An open /dev/vfio/N: a group as a whole, with an iommufd context in place of the old container. */
export class VfioGroupFile extends SimFile {
	readonly kind = "vfio-group";
	#context: IommufdContext | undefined;

	constructor(readonly group: VfioGroup) {
		super();
		group.opened = true;
	}

	override ioctl(process: Caller, number: number, arg: UserArg): Ret {
		switch (number) {
			case request.VFIO_GROUP_GET_STATUS:
				return this.#status(arg);
			case request.VFIO_GROUP_SET_CONTAINER:
				return this.#setContainer(process, arg);
			case request.VFIO_GROUP_UNSET_CONTAINER:
				if (this.#context === undefined) return -EINVAL;
				this.#dropContext();
				return 0;
			case request.VFIO_GROUP_GET_DEVICE_FD:
				return this.#openDevice(process, arg);
			default:
				return -ENOTTY;
		}
	}

	protected override release(): void {
		this.#dropContext();
		this.group.opened = false;
	}

	#dropContext(): void {
		this.#context?.release();
		this.#context = undefined;
	}

	#status(arg: UserArg): Ret {
		const head = readArg(arg, 8);
		if (head === undefined) return -EFAULT;
		if (head.getUint32(0, true) < 8) return -EINVAL;
		let flags = this.group.hostUses ? 0 : VIABLE;
		if (this.#context !== undefined) flags = VIABLE | CONTAINER_SET;
		return writeU32(arg, 4, flags);
	}

	/** Give the context an IOAS for the compatibility calls if it has none. */
	#setContainer(process: Caller, arg: UserArg): Ret {
		const head = readArg(arg, 4);
		if (head === undefined) return -EFAULT;
		const fd = head.getInt32(0, true);
		if (fd < 0) return -EINVAL;
		const file = process.file(fd);
		if (file === undefined) return -EBADF;
		if (this.#context !== undefined) return -EINVAL;
		if (!(file instanceof IommufdFile)) return -EBADFD;
		const { context } = file;
		if (this.group.noIommu) context.noIommu = true;
		else if (context.vfioIoas === undefined) {
			const ioas = new Ioas(context);
			context.finalize(ioas);
			context.vfioIoas = ioas;
		}
		context.hold();
		this.#context = context;
		return 0;
	}

	/** The device of that name, bound and attached to the context's IOAS for the compatibility calls. */
	#openDevice(process: Caller, arg: UserArg): Ret {
		const text = readText(arg);
		if (text === undefined) return -EFAULT;
		const [name, ...options] = text.split(" ");
		const device = this.group.devices.find((each) => each.name === name);
		if (device === undefined) return -ENODEV;
		const given = options.find((option) => option.startsWith("vf_token="))?.slice("vf_token=".length);
		const token = given === undefined ? undefined : parseToken(given);
		if (given !== undefined && token === undefined) return -EINVAL;
		let rc = device.checkToken(token && (() => token));
		if (rc < 0) return rc;
		const context = this.#context;
		if (context === undefined) return -EINVAL;
		if (device.opens > 0) device.opens++;
		else {
			rc = device.open(context);
			if (rc < 0) return rc;
			const ioas = context.vfioIoas;
			if (ioas !== undefined && !this.group.noIommu) rc = device.binding?.attach(ioas.id) ?? 0;
			if (rc < 0) {
				device.close();
				return rc;
			}
		}
		const fd = process.install(new VfioDeviceFile(device, false));
		return fd < 0 ? -EMFILE : fd;
	}
}

/** A string that ends with a zero byte; undefined where it cannot be read or does not end. */
function readText(arg: UserArg): string | undefined {
	const bytes: number[] = [];
	const one = new Uint8Array(1);
	for (let i = 0; i < MAX_NAME; i++) {
		if (arg.read(i, one) < 0) return undefined;
		if (one[0] === 0) return String.fromCharCode(...bytes);
		bytes.push(one[0]);
	}
	return undefined;
}
