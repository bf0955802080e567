/** ioctl, read, write and their relatives on simulated files. */
import { vfio_region_info } from "../../../structs/index.js";
import { EFAULT, EINVAL, ESPIPE, ESRCH } from "../../kernel/errno.js";
import type { Kernel, UserRange } from "../../kernel/kernel.js";
import { FAR, regionOffset } from "../far-offsets.js";
import { inRange } from "../filter.js";
import type { Notification } from "../notify.js";
import type { OpenFile } from "../open-files.js";
import { NumberFile } from "../overlay/thread-files.js";
import type { Served } from "../served.js";
import type { Handler, Handlers } from "./index.js";
import { KVM_SET_DEVICE_ATTR, registersFile } from "./kvm.js";
import { int } from "./path.js";

/** segments that readv and writev take */
const MOST_SEGMENTS = 1024;
/** bytes that a struct has at most */
const LONGEST_STRUCT = 4096;

/** VFIO_DEVICE_GET_REGION_INFO, and where struct vfio_region_info has the offset */
const GET_REGION_INFO = 0x3b6c;
const REGION_OFFSET = vfio_region_info.offsets.offset;

/** VFIO_DEVICE_IOEVENTFD, and where its struct has the offset */
const IOEVENTFD = 0x3b74;
const IOEVENTFD_OFFSET = 8;

type Io = (open: OpenFile, kernel: Kernel, buffer: UserRange, offset: bigint) => number;

export function ioCalls(served: Served): Handlers {
	const { processes, guest, kernels, files, faults, numbers, anyDescriptor } = served;

	/** Makes a call on the simulated file behind the first argument, if that is one. */
	const onFile = (notification: Notification, call: (open: OpenFile, kernel: Kernel) => number): number | undefined => {
		const { tid, args } = notification;
		const fd = int(args[0]);
		if (!inRange(fd) && files.of(tid, fd) === undefined) return undefined;
		const process = processes.of(tid);
		if (process === undefined) return -ESRCH;
		const target = process.file(fd);
		if (target === undefined) return undefined;
		files.queues.settle();
		files.queues.retract(target, { pid: process.pid, fd });
		guest.current = { process, notification, target, closeOnExec: true };
		try {
			const kernel = target.file instanceof NumberFile ? guest : kernels.of(process, target);
			return faults.during(tid, kernel, () => call(target, kernel));
		} finally {
			guest.current = undefined;
			files.refresh();
		}
	};

	/** The struct at an address, by the size that it begins with; undefined: there is none. */
	const structAt = (addr: bigint): Uint8Array | undefined => {
		const { bytes } = guest.image;
		const size = new Uint8Array(4);
		if (bytes.read(addr, size) < size.length) return undefined;
		const length = new DataView(size.buffer).getUint32(0, true);
		if (length < size.length || length > LONGEST_STRUCT) return undefined;
		const struct = new Uint8Array(length);
		return bytes.read(addr, struct) === length ? struct : undefined;
	};

	const ioctl = (open: OpenFile, kernel: Kernel, request: number, arg: bigint): number => {
		const struct = numbers === undefined && request !== IOEVENTFD ? undefined : structAt(arg);
		if (struct === undefined) return kernel.ioctl(open.number, request, arg);
		const before = Buffer.from(struct);
		const putBack = numbers?.replace(guest.process, kernel, request, struct);
		const told = request === IOEVENTFD ? withOwnOffset(open, struct) : undefined;
		const ret = kernel.ioctl(open.number, request, struct);
		told?.();
		putBack?.();
		return before.equals(struct) || guest.image.bytes.write(arg, struct) === struct.length ? ret : -EFAULT;
	};

	/** Once a region's offset has been told through a descriptor that does not stop by its number: its offset stops. */
	const tellFar = ({ args: [fd, , arg] }: Notification, { file }: OpenFile): void => {
		if (anyDescriptor || inRange(int(fd)) || file.kind !== "vfio-device") return;
		const { bytes } = guest.image;
		const offset = new Uint8Array(8);
		const view = new DataView(offset.buffer);
		if (bytes.read(arg + BigInt(REGION_OFFSET), offset) < offset.length || view.getBigUint64(0, true) !== 0n) return;
		view.setBigUint64(0, FAR, true);
		bytes.write(arg + BigInt(REGION_OFFSET), offset);
	};

	const one =
		(io: Io): Handler =>
		(notification) => {
			const [, addr, length, offset] = notification.args;
			return onFile(notification, (open, kernel) => io(open, kernel, { addr, length: Number(length) }, offset));
		};

	/** One segment after another, until one is not moved completely. */
	const vector =
		(io: Io, io0?: Io): Handler =>
		(notification) => {
			const [, addr, count, low] = notification.args;
			return onFile(notification, (open, kernel) => {
				if (count > MOST_SEGMENTS) return -EINVAL;
				const vectors = new Uint8Array(Number(count) * 16);
				if (guest.memory.read(addr, vectors) < 0) return -EFAULT;
				const view = new DataView(vectors.buffer);
				let done = 0;
				for (let at = 0; at < vectors.length; at += 16) {
					const length = Number(view.getBigUint64(at + 8, true));
					// preadv2 and pwritev2 with offset -1 use the file's position.
					const call = io0 !== undefined && BigInt.asIntN(64, low) === -1n ? io0 : io;
					const rc = call(open, kernel, { addr: view.getBigUint64(at, true), length }, low + BigInt(done));
					if (rc < 0) return done > 0 ? done : rc;
					done += rc;
					if (rc < length) break;
				}
				return done;
			});
		};

	const read: Io = (open, kernel, buffer) => kernel.read(open.number, buffer);
	const write: Io = (open, kernel, buffer) => kernel.write(open.number, buffer);
	const pread: Io = (open, kernel, buffer, offset) => kernel.pread(open.number, buffer, offsetIn(open, offset));
	const pwrite: Io = (open, kernel, buffer, offset) => kernel.pwrite(open.number, buffer, offsetIn(open, offset));

	return {
		ioctl(notification) {
			const request = Number(notification.args[1] & 0xffffffffn);
			if (request === KVM_SET_DEVICE_ATTR) return registersFile(served, notification) ? 0 : undefined;
			return onFile(notification, (open, kernel) => {
				const ret = ioctl(open, kernel, request, notification.args[2]);
				if (ret === 0 && request === GET_REGION_INFO) tellFar(notification, open);
				return ret;
			});
		},
		lseek: (notification) =>
			onFile(notification, ({ file }) => {
				const [, offset, whence] = notification.args;
				if (!(file instanceof NumberFile)) return -ESPIPE;
				return whence === 0n ? file.seek(BigInt.asIntN(64, offset)) : -EINVAL;
			}),
		read: one(read),
		write: one(write),
		pread64: one(pread),
		pwrite64: one(pwrite),
		readv: vector(read),
		writev: vector(write),
		preadv: vector(pread),
		pwritev: vector(pwrite),
		preadv2: vector(pread, read),
		pwritev2: vector(pwrite, write),
	};
}

const offsetIn = ({ file }: OpenFile, offset: bigint): bigint => (file.kind === "vfio-device" ? regionOffset(offset) : offset);

/** Puts the device's own offset into a struct vfio_device_ioeventfd. @returns what puts back the program's */
function withOwnOffset(open: OpenFile, struct: Uint8Array): (() => void) | undefined {
	const at = IOEVENTFD_OFFSET;
	if (struct.length < at + 8) return undefined;
	const view = new DataView(struct.buffer, struct.byteOffset);
	const given = view.getBigUint64(at, true);
	view.setBigUint64(at, offsetIn(open, given), true);
	return () => view.setBigUint64(at, given, true);
}
