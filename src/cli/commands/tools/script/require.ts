/** `require` in scripts: what must be there for the rest to run. */
import { release } from "node:os";
import { allCalls, CURRENT_RELEASE, type Ioctl, ioctlByName, ioctls, RELEASE_RANGES, RELEASES } from "../../../../../structs/index.js";
import type { Context } from "../../../frame/context.js";
import { errnoName } from "../../../frame/errnos.js";
import { UsageError } from "../../../frame/exit.js";
import { knows } from "../../../frame/knows.js";
import { didYouMean } from "../../../frame/suggest.js";

/** Returns why a requirement is not met, or undefined if it is. */
type Check = (context: Context, what: string, more: readonly string[]) => Promise<string | undefined>;

const callNames = (): string[] =>
	allCalls()
		.map(({ name }) => name)
		.filter((name) => name.startsWith("IOMMU_"));

async function known(context: Context, call: Ioctl): Promise<boolean> {
	const { kernel, unrecorded } = await context.handle();
	return knows(unrecorded ?? kernel, await context.iommu(), call);
}

/** How a script compares the kernel's release with one that it names; a release alone is `>=`. */
const comparisons: Readonly<Record<string, { readonly holds: (difference: number) => boolean; readonly words: string }>> = {
	">=": { holds: (difference) => difference >= 0, words: "older than" },
	"<": { holds: (difference) => difference < 0, words: "not older than" },
	">": { holds: (difference) => difference > 0, words: "not newer than" },
	"<=": { holds: (difference) => difference <= 0, words: "newer than" },
	"==": { holds: (difference) => difference === 0, words: "not" },
};

/** `6.12.117-amd64` as 6012 */
const ordinal = (text: string): number => {
	const [major, minor] = text
		.replace(/^v/, "")
		.split(".")
		.map((part) => Number.parseInt(part, 10));
	return major * 1000 + minor;
};

/**
 * Compares a release with the one that answers: the simulated kernel's is what --uapi says, the real kernel's what uname
 * says, whatever it was built with.
 */
async function otherThan(context: Context, operator: string, wanted: string): Promise<string | undefined> {
	const name = wanted.replace(/^v/, "");
	if (!RELEASES.includes(name))
		throw new UsageError(`require uapi: "${wanted}" is not a release with iommufd; those are ${RELEASE_RANGES}`);
	const { sim, kernel } = await context.handle();
	const simulated = kernel.kind === "sim";
	const here = simulated ? (sim?.release?.name ?? CURRENT_RELEASE) : release();
	const { holds, words } = comparisons[operator];
	if (holds(ordinal(here) - ordinal(name))) return undefined;
	return `${simulated ? `the simulated kernel's uAPI is that of Linux ${here}` : `the kernel's release is ${here}`}, ${words} ${name}`;
}

const checks: Readonly<Record<string, { readonly wants: string; readonly several?: boolean; readonly check: Check }>> = {
	kernel: {
		wants: "real or sim",
		async check(context, what) {
			if (what !== "real" && what !== "sim") throw new UsageError(`require kernel: "${what}" is not a kernel`, "give real or sim");
			const { kernel, which } = await context.handle();
			return kernel.kind === what ? undefined : `the kernel is ${which}`;
		},
	},
	ioctl: {
		wants: "a call's name, such as IOMMU_VIOMMU_ALLOC",
		async check(context, what) {
			const call = what.startsWith("IOMMU_") ? ioctlByName(what) : undefined;
			if (!call) throw new UsageError(`require ioctl: "${what}" is not a call of /dev/iommu`, didYouMean(what, callNames()));
			return (await known(context, call)) ? undefined : `the kernel does not know ${what}`;
		},
	},
	uapi: {
		wants: "a release such as 6.12 or >= 6.12, or a proposal that --uapi takes, such as vtd-inv-v10",
		async check(context, what) {
			const [first, second] = what.split(" ");
			if (second !== undefined) return await otherThan(context, first, second);
			if (/^v?\d/.test(what)) return await otherThan(context, ">=", what);
			const { proposals } = await import("../../../../sim/index.js");
			const known = proposals();
			if (!Object.hasOwn(known, what))
				throw new UsageError(`require uapi: "${what}" is neither a release nor a proposal`, didYouMean(what, Object.keys(known)));
			const { sim, which } = await context.handle();
			return sim?.hardware?.machine.kernel.vendor[known[what].option]
				? undefined
				: `the kernel is ${which}; --uapi ${what} adds the proposal`;
		},
	},
	device: {
		wants: "a VFIO device: vfio0, the path of its file, or what it is (smmuv3 svm)",
		several: true,
		async check(context, what, more) {
			const { sim } = await context.handle();
			const offers = sim && (await import("../../../../sim/index.js"));
			if (/^(vfio\d+$|\/)/.test(what) && more.length === 0) {
				const { devicePath } = await import("../../uapi/device.js");
				const fd = await context.deviceFile(devicePath(what));
				if (fd >= 0) return undefined;
				return `${devicePath(what)} cannot be opened: ${errnoName(-fd)}${sim && offers ? `; ${offers.offersText(sim)}` : ""}`;
			}
			if (sim === undefined || offers === undefined) return "the kernel is real: what its devices are is not known here";
			return offers.describedDevice(sim, [what, ...more]) === undefined
				? `no device is ${[what, ...more].join(" and ")}: ${offers.offersText(sim)}`
				: undefined;
		},
	},
};

/**
 * What a script's line `require ...` finds missing, in words; undefined if nothing is.
 * @throws UsageError for a requirement that does not exist
 */
export async function missing(words: readonly string[], context: Context): Promise<string | undefined> {
	const [kind, ...args] = words;
	const compared = kind === "uapi" && args.length === 2 && Object.hasOwn(comparisons, args[0]);
	const [what, ...rest] = compared ? [args.join(" ")] : args;
	const all = [...Object.keys(checks), "selftest"];
	if (kind === undefined) throw new UsageError("`require` needs a requirement", `one of ${all.join(", ")}`);
	if (kind === "selftest" && what === undefined) {
		return (await known(context, ioctls.IOMMU_TEST_CMD)) ? undefined : "the kernel has no selftest driver (CONFIG_IOMMUFD_TEST)";
	}
	const wanted = Object.hasOwn(checks, kind) ? checks[kind] : undefined;
	if (!wanted) {
		if (kind === "selftest") throw new UsageError("`require selftest` takes no argument");
		throw new UsageError(`"${kind}" cannot be required`, didYouMean(kind, all) ?? `one of ${all.join(", ")}`);
	}
	if (what === undefined || (rest.length > 0 && !wanted.several)) throw new UsageError(`\`require ${kind}\` needs ${wanted.wants}`);
	return await wanted.check(context, what, rest);
}
