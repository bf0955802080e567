/** The group files of VFIO. */
import type { Ret } from "../../kernel/kernel.js";
import type { IommufdContext } from "../iommufd/context.js";
import { Ioas } from "../iommufd/ioas.js";
import { IommufdFile } from "../iommufd/iommufd-file.js";
import { faultAt } from "../memory/fault.js";
import type { UserArg } from "../memory/user-arg.js";
import type { Caller } from "../process/caller.js";
import { SimFile } from "../process/file.js";
import { readArg, writeU32 } from "./args.js";
import { containerChecks, getDeviceFdChecks, groupCallChecks, groupStatusChecks, setContainerChecks } from "./checks/group.js";
import { VfioDeviceFile } from "./device-file.js";
import { listed, type VfioGroup } from "./group.js";
import { groupCallName } from "./request-names.js";
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
		const { reasons } = process;
		reasons.within(groupCallName(number));
		switch (number) {
			case request.VFIO_GROUP_GET_STATUS:
				return this.#status(process, arg);
			case request.VFIO_GROUP_SET_CONTAINER:
				return this.#setContainer(process, arg);
			case request.VFIO_GROUP_UNSET_CONTAINER:
				if (this.#context === undefined) return reasons.fail(containerChecks.noContainer, this.group.path);
				this.#dropContext();
				return 0;
			case request.VFIO_GROUP_GET_DEVICE_FD:
				return this.#openDevice(process, arg);
			default:
				return reasons.fail(groupCallChecks.unknownGroupCall, number);
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

	#status(process: Caller, arg: UserArg): Ret {
		const head = readArg(process, arg, 8);
		if (typeof head === "number") return head;
		const argsz = head.getUint32(0, true);
		if (argsz < 8) return process.reasons.fail(groupStatusChecks.argsz, argsz);
		let flags = this.group.hostUses ? 0 : VIABLE;
		if (this.#context !== undefined) flags = VIABLE | CONTAINER_SET;
		return writeU32(process, arg, 4, flags);
	}

	/** Give the context an IOAS for the compatibility calls if it has none. */
	#setContainer(process: Caller, arg: UserArg): Ret {
		const { reasons } = process;
		const head = readArg(process, arg, 4);
		if (typeof head === "number") return head;
		const fd = head.getInt32(0, true);
		if (fd < 0) return reasons.fail(setContainerChecks.fdNegative, fd);
		const file = process.file(fd);
		if (file === undefined) return reasons.fail(setContainerChecks.noFile, fd);
		if (this.#context !== undefined) return reasons.fail(setContainerChecks.containerSet, this.group.path);
		if (!(file instanceof IommufdFile)) return reasons.fail(setContainerChecks.notIommufd, fd, file.kind);
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
		const { reasons } = process;
		const text = readText(arg);
		if (typeof text === "number") return reasons.fail(getDeviceFdChecks.name, arg.value, noName(process, arg, text));
		const [name, ...options] = text.split(" ");
		const device = this.group.devices.find((each) => each.name === name);
		if (device === undefined)
			return reasons.fail(getDeviceFdChecks.noDevice, this.group.path, name, () => listed(this.group.devices.map((each) => each.name)));
		const given = options.find((option) => option.startsWith("vf_token="))?.slice("vf_token=".length);
		const token = given === undefined ? undefined : parseToken(given);
		if (given !== undefined && token === undefined) return reasons.fail(getDeviceFdChecks.tokenText, given);
		let rc = device.checkToken(token && (() => token));
		if (rc < 0) return rc;
		const context = this.#context;
		if (context === undefined) return reasons.fail(containerChecks.noContainer, this.group.path);
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
		return process.install(new VfioDeviceFile(device, false));
	}
}

/** A string that ends with a zero byte, or how many bytes of it can be read if it does not end. */
function readText(arg: UserArg): string | number {
	const bytes: number[] = [];
	const one = new Uint8Array(1);
	for (let i = 0; i < MAX_NAME; i++) {
		if (arg.read(i, one) < 0) return i;
		if (one[0] === 0) return String.fromCharCode(...bytes);
		bytes.push(one[0]);
	}
	return MAX_NAME;
}

/** What is wrong with a name of which `length` bytes can be read. */
function noName({ memory }: Caller, { value }: UserArg, length: number): () => string {
	const fault = faultAt(memory, value + BigInt(length), 1, false);
	return () => (length === MAX_NAME ? `does not end within ${MAX_NAME} bytes` : `cannot be read: ${fault()}`);
}
