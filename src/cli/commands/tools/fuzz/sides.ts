/** The two kernels of `fuzz`. */
import { writeFileSync } from "node:fs";
import { ioctls, iommu_test_cmd, iommu_test_op } from "../../../../../structs/index.js";
import type { Side } from "../../../../fuzz/index.js";
import type { Kernel } from "../../../../kernel/kernel.js";
import type { StrayFiles } from "../../../../kernel/real/index.js";
import { wrapKernel } from "../../../../kernel/wrap.js";
import { inspect, type Machine, type SimProcess } from "../../../../sim/index.js";
import { iommuPath } from "../../../frame/kernel-choice.js";
import { kernelNamed, type NamedKernel } from "../compare.js";
import { KernelLog } from "../litmus/kernel-log.js";

/** What the selftest's scratch memory is limited to unless a program says otherwise, in bytes. */
const MEMORY_LIMIT = 65536;
const TEST = ioctls.IOMMU_TEST_CMD.request;
const SET_LIMIT = iommu_test_op.IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT;

export interface FuzzSide extends Side {
	/** why the kernel's log cannot be watched */
	readonly logProblem?: string;
	/** a simulated one's machine, if it has more than the selftest's mock devices */
	readonly machine?: Machine;
	/** it answers as the kernel does that programs are drawn on */
	readonly drew: boolean;
}

/** @throws UsageError, EnvironmentError */
export async function sideNamed(text: string, option: string, cwd: string): Promise<FuzzSide> {
	const named = await kernelNamed(text, option, cwd);
	if (named.name !== "real") return simulated(text, named);
	const { openRealKernel, readCounters, StrayFiles } = await import("../../../../kernel/real/index.js");
	const { Kcov, Kmemleak } = await import("../../../../fuzz/index.js");
	const log = new KernelLog();
	const coverage = Kcov.open(openRealKernel());
	const unreferenced = Kmemleak.open();
	const strays: string[] = [];
	return {
		name: text,
		real: true,
		drew: false,
		open: () => withStraysClosed(withLimitReset(newProgram(named)), new StrayFiles(), strays),
		strays: () => strays.splice(0),
		warnings: () => log.next(),
		again: clearOnce,
		counters: () => readCounters(),
		...(coverage && { coverage }),
		...(unreferenced && { unreferenced }),
		...(log.problem !== undefined && { logProblem: log.problem }),
	};
}

function simulated(name: string, named: NamedKernel): FuzzSide {
	let last: SimProcess | undefined;
	return {
		name,
		real: false,
		drew: name === "sim",
		...(named.machine !== undefined && { machine: named.machine }),
		open() {
			last = newProgram(named) as SimProcess;
			return last;
		},
		leftovers: () => (last === undefined ? [] : inspect(last.system).leftovers()),
	};
}

/** On a machine of its own: what a program leaves behind must not change what the next one sees. */
const newProgram = ({ kernel }: NamedKernel): Kernel => kernel({ trace: "iommufd", version: 1 })();

/** The limit of the selftest's scratch memory is the whole kernel's: the next program must find the usual one. */
function withLimitReset(kernel: Kernel): Kernel {
	let changed = false;
	return wrapKernel(kernel, {
		ioctl(fd, request, arg) {
			if (request === TEST && typeof arg !== "bigint" && arg.length >= 8)
				changed ||= new DataView(arg.buffer, arg.byteOffset).getUint32(iommu_test_cmd.offsets.op, true) === SET_LIMIT;
			return kernel.ioctl(fd, request, arg);
		},
		exit() {
			if (changed) {
				const fd = kernel.open(iommuPath);
				const { size } = iommu_test_cmd;
				kernel.ioctl(fd, TEST, iommu_test_cmd.encode({ size, op: SET_LIMIT, memory_limit: { limit: MEMORY_LIMIT } }));
			}
			kernel.exit();
		},
	});
}

/** A file that no call told of stays open in this process, with all that it holds; the next program must not find that. */
function withStraysClosed(kernel: Kernel, files: Pick<StrayFiles, "close">, strays: string[]): Kernel {
	return wrapKernel(kernel, {
		exit() {
			kernel.exit();
			strays.push(...files.close());
		},
	});
}

/** WARN_ONCE warns again. */
function clearOnce(): void {
	try {
		writeFileSync("/sys/kernel/debug/clear_warn_once", "1");
	} catch {
		// Without debugfs a warning that comes once cannot be reduced: its program is kept as it is.
	}
}
