/** Imports QEMU's trace events as steps of a trace. */
import { InputError, ioctls } from "../../../structs/index.js";
import { ENOENT, errnoName } from "../../kernel/errno.js";
import type { IoctlStep, RecordedRet, Step } from "../format.js";
import { type QemuCall, qemuCall, structBytes } from "./qemu-calls.js";
import { parseQemu, type QemuEvent } from "./qemu-parse.js";
import type { Skipped } from "./syz.js";

export interface QemuImport {
	readonly steps: readonly Step[];
	readonly skipped: readonly Skipped[];
	/** iommufd's events in the log, those that stand for no call too */
	readonly events: number;
}

const PAGE = 4096n;
/** Events that are handled as files or devices, or that repeat what another one says. */
const NO_CALLS: ReadonlySet<string> = new Set([
	"iommufd_backend_connect",
	"iommufd_backend_disconnect",
	"iommufd_cdev_getfd",
	"iommufd_cdev_connect_and_bind",
	"iommufd_cdev_attach_ioas_hwpt",
	"iommufd_cdev_detach_ioas_hwpt",
	"iommufd_cdev_alloc_ioas",
	"iommufd_cdev_device_info",
	"iommufd_cdev_pci_hot_reset_dep_devices",
	"iommufd_cdev_fail_attach_existing_container",
]);

/**
 * The steps in a log of QEMU's events `iommufd_*` and `vfio_*`: the files that it opened and the calls with their answers. What an event
 * does not have (the contents of memory, how much was unmapped) is left out of the answer, or the call is skipped, with the reason.
 */
export function importQemu(text: string): QemuImport {
	const events = parseQemu(text);
	const run = new QemuReader(events);
	for (const event of events) run.event(event);
	const told = events.filter(({ name }) => name.startsWith("iommu")).length;
	return { steps: run.steps, skipped: run.skipped, events: told };
}

class NotTaken extends Error {}

interface Device {
	readonly fd: string;
	readonly iommufd: bigint;
}

class QemuReader {
	readonly steps: Step[] = [];
	readonly skipped: Skipped[] = [];
	/** names of the files by QEMU's numbers */
	readonly #files = new Map<bigint, string>();
	readonly #counts = new Map<string, number>();
	/** by the names that QEMU calls them: 0000:02:00.0 */
	readonly #devices = new Map<string, Device>();
	readonly #memory: { first: bigint; end: bigint }[] = [];
	/** memory files by QEMU's numbers, and how far they are mapped anywhere in the log */
	readonly #memfds = new Map<bigint, bigint>();
	readonly #from: number | undefined;
	#time: number | undefined;

	constructor(events: readonly QemuEvent[]) {
		this.#from = events.find(({ time }) => time !== undefined)?.time;
		for (const { name, values } of events) {
			const call = qemuCall(name, values);
			if (typeof call === "object" && call.file) this.#memfds.set(call.file.fd, max(this.#memfds.get(call.file.fd) ?? 0n, call.file.end));
		}
	}

	event(event: QemuEvent): void {
		this.#time = event.time === undefined || this.#from === undefined ? undefined : Math.max(0, event.time - this.#from);
		try {
			this.#file(event);
			this.#device(event);
			const call = qemuCall(event.name, event.values);
			if (typeof call === "string") throw new NotTaken(call);
			if (call !== undefined) this.#call(event, call);
			else if (event.name === "iommufd_change_process") this.#changeProcess(event);
			else if (event.name.startsWith("iommufd_") && !NO_CALLS.has(event.name)) throw new NotTaken("this event is not known");
		} catch (error) {
			if (!(error instanceof NotTaken) && !(error instanceof InputError)) throw error;
			this.skipped.push({ line: event.line, what: event.name, why: error.message });
		}
	}

	/** Opening and closing /dev/iommu, which several of QEMU's devices share. */
	#file({ name, values }: QemuEvent): void {
		const fd = values.get("fd");
		if (fd === undefined) return;
		if (name === "iommufd_backend_connect" || name === "iommu_backend_set_fd") this.#context(fd);
		if (name === "iommufd_backend_disconnect" && values.get("users") === 0n) this.#close(fd);
	}

	#context(fd: bigint): string {
		return this.#files.get(fd) ?? this.#open(fd, "/dev/iommu", "iommu");
	}

	#open(fd: bigint, path: string, kind: string): string {
		const name = this.#named(kind);
		this.#files.set(fd, name);
		this.#push({ op: "open", path, fd: name });
		return name;
	}

	#close(fd: bigint): void {
		const name = this.#files.get(fd);
		if (name === undefined) return;
		this.#files.delete(fd);
		this.#push({ op: "close", fd: name });
	}

	/** What QEMU does with a device's file: it tells these calls only when they succeed. */
	#device({ name, text }: QemuEvent): void {
		const opened = name === "iommufd_cdev_getfd" && /^(\/dev\/vfio\/\S+) \(fd=(\d+)\)/.exec(text);
		if (opened) this.#open(BigInt(opened[2]), opened[1], "vfio");
		const closed = /^vfio_(?:put_base_device|device_put)$/.test(name) && /close vdev->fd=(\d+)/.exec(text);
		if (closed) this.#close(BigInt(closed[1]));
		const bound = name === "iommufd_cdev_connect_and_bind" && /^\[iommufd=(\d+)\] .* device (\S+) \(fd=(\d+)\).* devid=(\d+)/.exec(text);
		if (bound) {
			const fd = this.#files.get(BigInt(bound[3]));
			if (fd === undefined) throw new NotTaken(`the log does not say which file ${bound[3]} is`);
			this.#devices.set(bound[2], { fd, iommufd: BigInt(bound[1]) });
			this.#answered("VFIO_DEVICE_BIND_IOMMUFD", fd, {}, { out_devid: Number(bound[4]) }, { iommufd: this.#context(BigInt(bound[1])) });
		}
		const attached = name === "iommufd_cdev_attach_ioas_hwpt" && /attached device (\S+) .* to id=(\d+)/.exec(text);
		// It returns the page table's ID, which the event does not have.
		if (attached)
			this.#answered("VFIO_DEVICE_ATTACH_IOMMUFD_PT", this.#deviceFile(attached[1]), { pt_id: Number(attached[2]) }, {}, {}, ["pt_id"]);
		const detached = name === "iommufd_cdev_detach_ioas_hwpt" && /detached (\S+)/.exec(text);
		if (detached) this.#answered("VFIO_DEVICE_DETACH_IOMMUFD_PT", this.#deviceFile(detached[1]), {}, {});
		const reset = name === "vfio_pci_reset_flr" && /^(\S+) FLR/.exec(text);
		if (reset && this.#devices.has(reset[1]))
			this.#push({ op: "ioctl", fd: this.#deviceFile(reset[1]), request: "VFIO_DEVICE_RESET", arg_value: 0, ret: 0 });
	}

	#deviceFile(name: string): string {
		const device = this.#devices.get(name);
		if (device === undefined) throw new NotTaken(`the log does not say which file ${name} has`);
		return device.fd;
	}

	#call({ name, values, ret }: QemuEvent, call: QemuCall): void {
		const iommufd = values.get("iommufd") ?? values.get("fd");
		if (iommufd === undefined) throw new NotTaken("the line does not have iommufd");
		const answer = answerOf(name, ret);
		const fd = this.#context(iommufd);
		if (call.memory && answer.ret >= 0) this.#has(call.memory.addr, call.memory.length, call.memory.prot);
		const files: Record<string, string> = call.file ? { fd: this.#memfd(call.file.fd) } : {};
		this.#answered(call.request, fd, call.given, call.made ?? {}, files, call.unknown, answer);
	}

	/** true: it succeeded */
	#changeProcess({ values, ret }: QemuEvent): void {
		if (ret !== 1) throw new NotTaken("it failed, and the log does not say why");
		this.#answered("IOMMU_IOAS_CHANGE_PROCESS", this.#context(values.get("fd") ?? -1n), {}, {});
	}

	#answered(
		request: QemuCall["request"],
		fd: string,
		given: QemuCall["given"],
		made: Readonly<Record<string, unknown>>,
		files: Readonly<Record<string, string>> = {},
		unknown: readonly string[] = [],
		answer: RecordedRet = { ret: 0 },
	): void {
		const { offsets } = ioctls[request].struct;
		const arg = structBytes(request, given).toString("hex");
		const after = { ...given, ...(answer.ret < 0 ? {} : made), ...Object.fromEntries(unknown.map((path) => [path, 0])) };
		const out = structBytes(request, after as QemuCall["given"]).toString("hex");
		const fd_in = Object.fromEntries(Object.entries(files).map(([path, name]) => [(offsets as Record<string, number>)[path], name]));
		this.#push({
			op: "ioctl",
			fd,
			request,
			arg,
			...(Object.keys(fd_in).length > 0 && { fd_in }),
			...answer,
			...(unknown.length > 0 && { masked: unknown }),
			...(out !== arg && { out }),
		} as IoctlStep);
	}

	/** The program has memory there, as a call mapped it: what of it no step has mapped yet, in pages. */
	#has(addr: bigint, length: bigint, prot: "r" | "rw"): void {
		let first = addr - (addr % PAGE);
		const end = addr + length + ((PAGE - ((addr + length) % PAGE)) % PAGE);
		const parts: [bigint, bigint][] = [];
		for (const known of [...this.#memory].sort((a, b) => (a.first < b.first ? -1 : 1))) {
			if (known.end <= first || known.first >= end) continue;
			if (known.first > first) parts.push([first, known.first]);
			first = max(first, known.end);
		}
		if (first < end) parts.push([first, end]);
		for (const [from, to] of parts) {
			this.#memory.push({ first: from, end: to });
			this.#push({ op: "mmap", addr: `0x${from.toString(16)}`, length: Number(to - from), prot });
		}
	}

	#memfd(fd: bigint): string {
		const known = this.#files.get(fd);
		if (known !== undefined) return known;
		const name = this.#named("memfd");
		this.#files.set(fd, name);
		this.#push({ op: "memfd", fd: name, length: Number(this.#memfds.get(fd) ?? 0n) });
		return name;
	}

	#named(kind: string): string {
		const count = (this.#counts.get(kind) ?? 0) + 1;
		this.#counts.set(kind, count);
		return `${kind}${count}`;
	}

	#push(step: Step): void {
		this.steps.push(this.#time === undefined ? step : { ...step, time: this.#time });
	}
}

/** QEMU 9 and 10 print the value of ioctl, which says only that it failed; where they know the errno, they print it. */
function answerOf(event: string, ret: number | undefined): RecordedRet {
	if (event.endsWith("_non_exist")) return { ret: -1, errno: errnoName(ENOENT) };
	if (ret === undefined || ret >= 0) return { ret: ret ?? 0 };
	if (ret === -1) throw new NotTaken("it failed, and the log does not say why");
	return { ret: -1, errno: errnoName(-ret) };
}

const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);
