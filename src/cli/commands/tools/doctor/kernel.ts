/** Checks of the running kernel: its release, how it was built, its modules, /dev/iommu. */
import { type Ioctl, ioctls } from "../../../../../structs/index.js";
import { errnoNumber } from "../../../../kernel/errno.js";
import { knows } from "../../../frame/knows.js";
import { plural } from "../../../frame/text.js";
import type { Check, Host } from "./check.js";

const path = "/dev/iommu";
const bySince = (a: Ioctl, b: Ioctl): number => releaseNumber(a.since ?? "") - releaseNumber(b.since ?? "");

/** `6.12.3-generic` as 6012; NaN for text that is not a release */
export function releaseNumber(text: string): number {
	const match = /^(\d+)\.(\d+)/.exec(text);
	return match ? Number(match[1]) * 1000 + Number(match[2]) : Number.NaN;
}

export const kernel: Check = ({ platform, release }) => {
	const base = { id: "kernel", title: "kernel" };
	if (platform !== "linux") {
		return {
			...base,
			status: "missing",
			found: `this is ${platform}`,
			mend: "iommufd exists only on Linux; elsewhere only the simulated kernel works",
		};
	}
	const number = releaseNumber(release);
	if (!(number >= releaseNumber("6.2"))) {
		return {
			...base,
			status: "missing",
			found: `Linux ${release}, without iommufd`,
			mend: "run Linux 6.2 or later (6.6 for VFIO devices)",
		};
	}
	const calls = Object.values<Ioctl>(ioctls).filter(({ since }) => since !== undefined);
	const later = calls.filter(({ since }) => releaseNumber(since ?? "") > number).sort(bySince);
	const found = `Linux ${release}`;
	if (later.length === 0) return { ...base, status: "ok", found };
	return {
		...base,
		status: "ok",
		found: `${found}, older than ${plural(later.length, "call")}`,
		more: later.map(({ name, since }) => `${name} came with ${since}`),
	};
};

const options: Readonly<Record<string, string>> = {
	IOMMUFD: "/dev/iommu",
	VFIO_DEVICE_CDEV: "/dev/vfio/devices, the way to bind a device",
	VFIO_PCI: "PCI devices for VFIO",
	IOMMUFD_TEST: "the selftest driver's mock device",
	FAULT_INJECTION: "fail-nth on the real kernel",
};

export const config: Check = (host) => {
	const base = { id: "config", title: "kernel's configuration" };
	const text =
		host.read(`/boot/config-${host.release}`) ?? host.read("/proc/config.gz") ?? host.read(`/lib/modules/${host.release}/config`);
	if (text === undefined) return { ...base, status: "note", found: "cannot be read here (no /proc/config.gz, no /boot/config-*)" };
	const state = (name: string): string => new RegExp(`^CONFIG_${name}=(.)`, "m").exec(text)?.[1] ?? "n";
	const more = Object.entries(options).map(([name, what]) => `CONFIG_${name}=${state(name)}: ${what}`);
	if (state("IOMMUFD") === "n") {
		return { ...base, status: "missing", found: "without iommufd", mend: "build the kernel with CONFIG_IOMMUFD", more };
	}
	if (state("VFIO_DEVICE_CDEV") === "n") {
		return { ...base, status: "note", found: "iommufd, but no device files", mend: "CONFIG_VFIO_DEVICE_CDEV lets devices be bound", more };
	}
	return { ...base, status: "ok", found: "iommufd and VFIO's device files", more };
};

const wanted = ["iommufd", "vfio", "vfio_pci"];

function moduleState(host: Host, name: string): string {
	if (host.exists(`/sys/module/${name}`)) return "loaded or built in";
	const file = new RegExp(`/${name.replace("_", "[-_]")}\\.ko`, "m");
	if (file.test(host.read(`/lib/modules/${host.release}/modules.builtin`) ?? "")) return "built in";
	if (file.test(host.read(`/lib/modules/${host.release}/modules.dep`) ?? "")) return "not loaded";
	return "not there";
}

export const modules: Check = (host) => {
	const base = { id: "modules", title: "modules" };
	const states = wanted.map((name) => ({ name, state: moduleState(host, name) }));
	const lacking = states.filter(({ state }) => state.startsWith("not"));
	const more = states.map(({ name, state }) => `${name}: ${state}`);
	if (lacking.length === 0) return { ...base, status: "ok", found: wanted.join(", "), more };
	const names = lacking.map(({ name }) => name).join(", ");
	const loadable = lacking.filter(({ state }) => state === "not loaded").map(({ name }) => name);
	const mend = loadable.length > 0 ? `modprobe -a ${loadable.join(" ")}` : "use a kernel that has them: CONFIG_IOMMUFD, CONFIG_VFIO_PCI";
	return { ...base, status: lacking[0].name === "iommufd" ? "missing" : "note", found: `without ${names}`, mend, more };
};

export const device: Check = async (host) => {
	const base = { id: "iommu", title: path };
	const failed = host.tryOpen(path);
	if (failed !== undefined) {
		const { explainOpenFailure } = await import("../../../../kernel/real/index.js");
		const { message, hint } = explainOpenFailure(path, errnoNumber(failed) ?? 0);
		return { ...base, status: "missing", found: message.replace(`${path} `, ""), mend: hint.replace(/, or use --kernel sim$/, "") };
	}
	const known = await knownCalls();
	if (known === undefined) return { ...base, status: "ok", found: "can be opened; without FFI it cannot be called" };
	const all = Object.keys(ioctls).filter((name) => name.startsWith("IOMMU_"));
	const lacking = all.filter((name) => !known.includes(name));
	const found = `can be opened and knows ${known.length} of ${all.length} calls`;
	return { ...base, status: "ok", found, more: lacking.map((name) => `does not know ${name}`) };
};

/** The calls that /dev/iommu answers; undefined if nothing can be called. */
async function knownCalls(): Promise<string[] | undefined> {
	const { openRealKernel } = await import("../../../../kernel/real/index.js");
	try {
		const real = openRealKernel();
		try {
			const fd = real.open(path);
			if (fd < 0) return undefined;
			const calls = Object.values<Ioctl>(ioctls).filter(({ name }) => name.startsWith("IOMMU_"));
			return calls.filter((call) => knows(real, fd, call)).map(({ name }) => name);
		} finally {
			real.exit();
		}
	} catch {
		return undefined;
	}
}
