/** Watches the calls of a program and remembers the files, objects and memory that they make. */
import { type Ioctl, ioctlByRequest, ioctls, type StructType } from "../../structs/index.js";
import { isForkCapable, type Kernel } from "../kernel/kernel.js";
import { wrapKernel } from "../kernel/wrap.js";
import { kindOf } from "./fields.js";
import type { Known } from "./known.js";

/** `kernel`, of whose successful calls `known` remembers what they made. */
export function teaching(kernel: Kernel, known: Known): Kernel {
	const made = (kind: string, fd: number): number => {
		if (fd >= 0) known.addFile(kind, fd);
		return fd;
	};
	const wrapped = wrapKernel(kernel, {
		open: (path, flags) => made(kindOfPath(path), kernel.open(path, flags)),
		memfd: (name, length, pageSize) => made("memfd", kernel.memfd(name, length, pageSize)),
		eventfd: (count) => made("eventfd", "eventfd" in kernel ? (kernel as Kernel & { eventfd(n: number): number }).eventfd(count) : -1),
		close(fd) {
			const ret = kernel.close(fd);
			if (ret === 0) known.closed(fd);
			return ret;
		},
		mmap(request) {
			const addr = kernel.mmap(request);
			if (addr > 0n) known.addMemory(addr, request.length);
			return addr;
		},
		ioctl(fd, request, arg) {
			const ret = kernel.ioctl(fd, request, arg);
			if (ret < 0 || typeof arg === "bigint") return ret;
			const ioctl = ioctlByRequest(request, known.kindOf(fd) === "vfio" ? "device" : "context");
			const struct = ioctl?.struct as StructType | null | undefined;
			if (ioctl && struct && arg.length >= struct.size) {
				known.use(known.kindOf(fd) === "vfio" ? known.first("iommufd") : fd);
				learn(known, ioctl, struct, arg);
			}
			return ret;
		},
	});
	return isForkCapable(kernel) ? Object.assign(wrapped, { fork: (name: string) => teaching(kernel.fork(name), known) }) : wrapped;
}

function kindOfPath(path: string): string {
	return path === "/dev/iommu" ? "iommufd" : path.includes("devices") ? "vfio" : "group";
}

/** Remembers what a call created. */
function learn(known: Known, ioctl: Ioctl, struct: StructType, bytes: Uint8Array): void {
	const view = new DataView(bytes.buffer, bytes.byteOffset);
	if (ioctl === ioctls.IOMMU_DESTROY) known.forgetId(view.getUint32(4, true));
	const op = ioctl === ioctls.IOMMU_TEST_CMD ? view.getUint32(struct.offsets.op, true) : undefined;
	for (const field of struct.leaves) {
		if (field.path.includes(".") && !selected(struct, field.path, op)) continue;
		if (field.dir === "out" && field.role === "fd") known.addFile(kindOf(field.name), view.getInt32(field.offset, true));
		else if (field.dir === "out" && /_(?:id|devid)$/.test(field.name)) known.addId(kindOf(field.name), view.getUint32(field.offset, true));
		else if (field.role === "iova" && ioctl.name.includes("MAP")) known.addIova(view.getBigUint64(field.offset, true));
	}
}

/** Whether a member of the selftest's union is the one that `op` selects. */
function selected(struct: StructType, path: string, op: number | undefined): boolean {
	const member = struct.fields.find((field) => field.name === path.slice(0, path.indexOf(".")));
	return member?.when === undefined || member.when.value === op;
}
