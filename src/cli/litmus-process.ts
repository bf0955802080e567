/** A process of a race: what `litmus` starts on the real kernel for each `process NAME { }` of a test. */
import { Channel, exitNow, openRealKernel, openSharedMemory, ParentProcess, pinThread, type RealKernel } from "../kernel/real/index.js";
import { type Guest, type RacerData, race, type SetupMemory } from "../litmus/index.js";

export interface ProcessData extends RacerData {
	/** the shared memory: its file, which this process has, and its bytes */
	readonly shared: { readonly fd: number; readonly size: number };
	/** the CPU that it stays on */
	readonly cpu?: number;
	/** what the setup maps */
	readonly memory: readonly SetupMemory[];
}

const PROT_READ_WRITE = 3;
/** EFAULT: the parent cannot read the memory itself, so there is nothing to copy */
const UNREADABLE = -14;

/** Races one test. @param from, to: the channel to the process that leads */
export function runProcess(from: number, to: number): void {
	const parent = new ParentProcess();
	const data = new Channel(from, to).receive() as ProcessData | undefined;
	if (data === undefined) return;
	if (data.cpu !== undefined) pinThread(data.cpu);
	const { bytes, wait, wake } = openSharedMemory(data.shared.fd, data.shared.size);
	const signal = {
		wake,
		wait(word: number, value: number, ms: number): void {
			wait(word, value, ms);
			// Nobody else would wake it.
			if (parent.gone) exitNow(0);
		},
	};
	let kernel: RealKernel;
	const fresh = (): RealKernel => {
		kernel = openRealKernel();
		return kernel;
	};
	const files = filesOf(data);
	const guest: Guest = {
		enter(_, slots, own) {
			own.set(slots);
			for (const slot of files) {
				if (slots[slot] < 0n) continue;
				const fd = parent.file(Number(slots[slot]));
				if (fd < 0) return fd;
				kernel.inherit([fd]);
				own[slot] = BigInt(fd);
			}
			for (const range of data.memory) {
				const ret = mapped(kernel, parent, range, own);
				if (ret < 0) return ret;
			}
			return 0;
		},
		leave: () => kernel.exit(),
	};
	race(data, bytes, signal, fresh, guest);
}

/** The slots of the setup's files that the process needs. */
function filesOf({ test, thread, memory }: ProcessData): number[] {
	const { slots, setupSlots, threads } = test;
	const used = threads[thread].calls.flatMap(({ file, puts }) => [file, ...puts.map(({ slot }) => slot)]);
	const all = new Set([...used, ...memory.map(({ file }) => file?.slot)]);
	return [...all].filter((slot): slot is number => slot !== undefined && slot < setupSlots && slots[slot].kind === "file");
}

/** Maps a range as the setup left it. Returns 0 or minus the errno. */
function mapped(kernel: RealKernel, parent: ParentProcess, { addr, length, prot, file, written }: SetupMemory, own: BigInt64Array): number {
	const how = file ? { prot, fd: Number(own[file.slot]), offset: file.offset } : { prot: written ? PROT_READ_WRITE : prot };
	const at = kernel.mmap({ addr, length, ...how });
	if (at < 0n) return Number(at);
	if (file || !written) return 0;
	const ret = parent.copy(addr, length);
	if (ret < 0 && ret !== UNREADABLE) return ret;
	return prot === PROT_READ_WRITE ? 0 : kernel.mprotect(addr, length, prot);
}
