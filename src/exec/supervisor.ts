/** Serves the system calls of filtered programs until the last of them has ended. */
import { setImmediate } from "node:timers/promises";
import type { Kernel } from "../kernel/kernel.js";
import type { Sim } from "../sim/index.js";
import type { SyscallName } from "./arch.js";
import { answerCall, type Handlers } from "./calls/index.js";
import { EPOLLHUP, EPOLLIN, Epoll } from "./epoll.js";
import { EventFds } from "./event-fds.js";
import { GuestKernel } from "./guest-kernel.js";
import { oneKernel } from "./kernels.js";
import { MappedRegions } from "./memory/mapped-regions.js";
import { SharedFiles } from "./memory/shared-files.js";
import type { Native } from "./native.js";
import { Notes } from "./notes.js";
import { Listener, type Notification } from "./notify.js";
import { type OpenFile, OpenFiles } from "./open-files.js";
import { debugfsOverlay } from "./overlay/debugfs.js";
import { DeviceTree } from "./overlay/device-tree.js";
import { FaultInjection } from "./overlay/fault-injection.js";
import { overlays } from "./overlay/overlay.js";
import { statusOverlay } from "./overlay/status.js";
import { NumberFile, threadFilesOverlay } from "./overlay/thread-files.js";
import { FilesOfRecording } from "./recorded/files.js";
import { type FdOffsets, RecordedNumbers } from "./recorded/numbers.js";
import { ProcessKernels } from "./recorded/process-kernels.js";
import type { Served } from "./served.js";
import { type Traced, TracedProcesses } from "./traced.js";

/** After this long (ms) in which programs kept it busy the rest of this process gets its turn. */
const TURN = 5;

export interface SupervisorOptions {
	readonly native: Native;
	/** number of the filter's listener */
	readonly listener: number;
	readonly sim: Sim;
	/** what is put around the kernel, such as a recording */
	wrap(kernel: Kernel): Kernel;
	/** set if `wrap` adds a recording, which is to be replayed without the programs: where structs have descriptors */
	readonly fdOffsets: FdOffsets | undefined;
	/** reads and writes stop on every descriptor */
	readonly anyDescriptor: boolean;
	/** takes a line for the user */
	note(line: string): void;
	/** a process of a program begins (true) or ceases (false) to be known */
	onProcess(pid: number, there: boolean): void;
}

export class Supervisor {
	readonly #epoll: Epoll;
	readonly #served: Served;
	readonly #handlers: Handlers;
	#over = false;

	constructor({ native, listener, sim, wrap, fdOffsets, anyDescriptor, note, onProcess }: SupervisorOptions) {
		this.#epoll = new Epoll(native);
		const notes = new Notes(note);
		const files = new OpenFiles(native, this.#epoll, {
			closed(open) {
				processes.forgetFile();
				regions.forgetFile(open);
				kernels.closed(open);
				open.file.put();
			},
			missed: (open) => notes.missed(open),
			taken: (open, record) => guest.alone(open, () => kernels.alone(open).read(open.number, new Uint8Array(record.length))),
			written(open, bytes) {
				const ret = guest.alone(open, () => kernels.alone(open).write(open.number, bytes));
				if (ret !== bytes.length) notes.refused(open, ret);
			},
		});
		const shared = new SharedFiles(native, sim.physical);
		const witness = (process: Traced) => kernels.witness(process);
		const processes = new TracedProcesses(native, this.#epoll, files, sim.physical, shared, witness, (process, there) => {
			if (!there) regions.forgetProcess(process.pid);
			if (!there) kernels.ended(process);
			onProcess(process.pid, there);
		});
		const regions = new MappedRegions(native, (process, open) => kernels.of(process, open));
		const heard = new Listener(native, listener);
		const installed = (process: Traced, open: OpenFile | undefined) => {
			if (open === undefined) notes.full();
			else if (!(open.file instanceof NumberFile)) kernels.opened(process, open);
		};
		const recordedFiles = new FilesOfRecording();
		const signalled = (id: string | undefined, count: bigint) => recordedFiles.signalled(id, count);
		const guest = new GuestKernel(native, sim, heard, files, shared, new EventFds(native, this.#epoll, signalled), regions, installed);
		const wrapped = wrap(guest);
		const kernels = fdOffsets ? new ProcessKernels(wrapped, recordedFiles) : oneKernel(wrapped);
		const faults = new FaultInjection(sim);
		const tree = new DeviceTree(sim);
		const debugfs = debugfsOverlay({ native, epoll: this.#epoll, sim, faults, note });
		const overlay = overlays([tree, statusOverlay(native, sim), threadFilesOverlay(faults), debugfs]);
		this.#served = {
			faults,
			regions,
			numbers: fdOffsets && new RecordedNumbers(guest, fdOffsets, recordedFiles),
			anyDescriptor,
			tree,
			executing: (tid) => onProcess(tid, true),
			native,
			listener: heard,
			guest,
			kernels,
			files,
			processes,
			shared,
			overlay,
		};
		this.#handlers = answerCall(this.#served);
		this.#epoll.add(listener, EPOLLIN, (events) => {
			if (events & EPOLLIN) this.#receive();
			else if (events & EPOLLHUP) this.#over = true;
		});
	}

	/** number of simulated files that are open in programs */
	get openFiles(): number {
		return this.#served.files.size;
	}

	/** Serves until no process has the filter any more. */
	async run(): Promise<void> {
		const { listener, files } = this.#served;
		for (let since = performance.now(); !this.#over; ) {
			if (this.#epoll.wait(1, listener.fd) === 0) {
				await this.#epoll.idle(listener.fd);
				since = performance.now();
				files.refresh();
			} else if (performance.now() - since > TURN) {
				await setImmediate();
				since = performance.now();
				files.refresh();
			}
		}
		this.#close();
	}

	/** To be called when something other than a program may have changed the kernel's state. */
	refresh(): void {
		if (!this.#over) this.#served.files.refresh();
	}

	#receive(): void {
		const { listener, native } = this.#served;
		const notification = listener.receive();
		if (notification === undefined) return;
		const name = native.arch.names.get(notification.nr);
		const handler = name === undefined ? undefined : this.#handlers[name];
		if (handler === undefined) listener.proceed(notification);
		else this.#handle(handler, notification);
	}

	#handle(handler: NonNullable<Handlers[SyscallName]>, notification: Notification): void {
		const { listener } = this.#served;
		const answer = handler(notification);
		if (answer === undefined) listener.proceed(notification);
		else listener.answer(notification, answer);
	}

	#close(): void {
		const { files, processes, shared, listener, kernels, overlay } = this.#served;
		files.closeAll();
		processes.closeAll();
		shared.close();
		overlay.close?.();
		this.#epoll.remove(listener.fd);
		this.#epoll.close();
		kernels.exit();
	}
}
