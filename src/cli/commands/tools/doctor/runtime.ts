/** Checks of what iommuctl itself needs: Node, FFI, the layouts of the structs, the simulated kernel. */
import { createRequire } from "node:module";
import { allStructs, ioctls } from "../../../../../structs/index.js";
import { layoutDifferences, type RefModules } from "../../../../../structs/witness.js";
import { EnvironmentError } from "../../../../kernel/environment-error.js";
import { ENOTTY } from "../../../../kernel/errno.js";
import { PROT_READ, PROT_WRITE } from "../../../../kernel/kernel.js";
import { errnoName } from "../../../frame/errnos.js";
import type { Check, Finding } from "./check.js";

const oldest = 20;
const newestTried = 26;

export const node: Check = ({ nodeVersion }) => {
	const major = Number.parseInt(nodeVersion, 10);
	const base = { id: "node", title: "Node", found: nodeVersion };
	if (major < oldest) return { ...base, status: "missing", mend: `install Node ${oldest} or later` };
	if (major > newestTried) return { ...base, status: "note", found: `${nodeVersion}, newer than any that was tried (${newestTried})` };
	return { ...base, status: "ok" };
};

/** A text that goes through the kernel and back: a file in memory, mapped, written by a call and read through the mapping. */
const probe = new TextEncoder().encode("iommuctl");

export const ffi: Check = async () => {
	const base = {
		id: "ffi",
		title: "FFI",
		mend: "npm install --ignore-scripts, in the folder of iommuctl; the simulated kernel needs no FFI",
	};
	const { openRealKernel } = await import("../../../../kernel/real/index.js");
	try {
		const kernel = openRealKernel();
		try {
			const wrong = tryOut(kernel);
			if (wrong !== undefined) return { ...base, status: "missing", found: `loads, but ${wrong}`, mend: "report this as a bug" };
		} finally {
			kernel.exit();
		}
	} catch (error) {
		if (!(error instanceof EnvironmentError)) throw error;
		return { ...base, status: "missing", found: error.message, mend: error.hint };
	}
	return { ...base, status: "ok", found: "loads and works: system calls, memory and errno are as they should be", mend: undefined };
};

type Real = ReturnType<typeof import("../../../../kernel/real/index.js").openRealKernel>;

function tryOut(kernel: Real): string | undefined {
	const fd = kernel.memfd("iommuctl-doctor", 4096n);
	if (fd < 0) return `memfd_create returns ${errnoName(-fd)}`;
	const addr = kernel.mmap({ addr: 0n, length: 4096n, prot: PROT_READ | PROT_WRITE, fd });
	if (addr < 0n) return `mmap returns ${errnoName(Number(-addr))}`;
	const wrote = kernel.pwrite(fd, probe, 0n);
	const seen = new Uint8Array(probe.length);
	const rc = kernel.peek(addr, seen);
	if (wrote !== probe.length || rc < 0 || Buffer.compare(seen, probe) !== 0) return "memory does not hold what was written";
	const answer = kernel.ioctl(fd, ioctls.IOMMU_IOAS_ALLOC.request, new Uint8Array(ioctls.IOMMU_IOAS_ALLOC.size));
	if (answer !== -ENOTTY) return `an ioctl that no file knows returns ${answer}, not ENOTTY`;
	return undefined;
}

/** ref-struct-di computes the layouts by its own rules. */
export const layouts: Check = () => {
	const base = { id: "layouts", title: "struct layouts" };
	let modules: RefModules;
	try {
		const require = createRequire(import.meta.url);
		const ref = require("ref-napi") as RefModules["ref"];
		modules = { ref, struct: (require("ref-struct-di") as (ref: unknown) => RefModules["struct"])(ref) };
	} catch (error) {
		const found = `not compared: ${String((error as Error).message).split("\n")[0]}`;
		return { ...base, status: "note", found, mend: "mend FFI first: ref-napi comes with it" };
	}
	const count = allStructs().length;
	const wrong = layoutDifferences(modules);
	if (wrong.length === 0) return { ...base, status: "ok", found: `${count} structs, sizes and offsets as ref-struct-di computes them` };
	return { ...base, status: "missing", found: `${wrong.length} differences from ref-struct-di`, mend: "report this as a bug", more: wrong };
};

export const simulated: Check = async (): Promise<Finding> => {
	const { createSim } = await import("../../../../sim/index.js");
	const kernel = createSim().newProcess();
	const fd = kernel.open("/dev/iommu");
	const bytes = ioctls.IOMMU_IOAS_ALLOC.struct.encode({ size: ioctls.IOMMU_IOAS_ALLOC.size });
	const rc = kernel.ioctl(fd, ioctls.IOMMU_IOAS_ALLOC.request, bytes);
	kernel.exit();
	const base = { id: "sim", title: "simulated kernel" };
	if (rc === 0) return { ...base, status: "ok", found: "works" };
	return { ...base, status: "missing", found: `IOMMU_IOAS_ALLOC returns ${rc}`, mend: "report this as a bug" };
};
