/** The memory that a test's setup leaves mapped. */
import type { LitmusTest } from "./test.js";

export interface SetupMemory {
	readonly addr: bigint;
	/** bytes, whole pages */
	readonly length: bigint;
	/** PROT_READ | PROT_WRITE */
	readonly prot: number;
	/** the slot of the file that it maps, and from where; else it is private */
	readonly file?: { readonly slot: number; readonly offset: bigint };
	/** something in it may not be zero any more */
	readonly written: boolean;
}

/** What the setup maps and does not unmap as a whole. */
export function setupMemory({ setup }: Pick<LitmusTest, "setup">): SetupMemory[] {
	// What the selftest driver's calls write is not looked at closely.
	const anywhere = setup.calls.some(({ name }) => name === "IOMMU_TEST_CMD");
	const writes = setup.calls
		.filter(({ op, addr }) => addr !== undefined && (op === "poke" || op === "read" || op === "pread"))
		.map(({ addr = 0n, length, bytes }) => ({ from: addr, to: addr + BigInt(length ?? bytes?.length ?? 0) }));
	let found: Omit<SetupMemory, "written">[] = [];
	for (const { op, addr = 0n, length = 0, prot = 0, file, offset = 0n } of setup.calls) {
		const range = { addr, length: (BigInt(length) + 0xfffn) & -0x1000n };
		if (op === "mmap") found.push({ ...range, prot, ...(file !== undefined && { file: { slot: file, offset } }) });
		else if (op === "munmap") found = found.filter((one) => one.addr < addr || one.addr + one.length > addr + range.length);
	}
	return found.map((one) => ({
		...one,
		written: anywhere || writes.some(({ from, to }) => from < one.addr + one.length && to > one.addr),
	}));
}
