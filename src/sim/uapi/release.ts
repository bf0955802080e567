/** Gives the simulated kernel the uAPI of an older release. */
import {
	CURRENT_RELEASE,
	type FieldInfo,
	type Ioctl,
	type IommuCall,
	ioctls,
	RELEASES,
	type StructType,
	setInfo,
} from "../../../structs/index.js";
import { EINVAL, ENOTTY } from "../../kernel/errno.js";
import type { Ret } from "../../kernel/kernel.js";
import type { Reasons } from "../why/reasons.js";
import { olderChecks } from "./checks.js";
import { answered, type Constant, flags, growth, values, vfio } from "./table.js";

/** `6.12` as 6012 */
const ordinal = (text: string): number => {
	const [major, minor] = text.split(".").map(Number);
	return major * 1000 + minor;
};

/** What the simulated kernel is by itself. */
const CURRENT = ordinal(CURRENT_RELEASE);
const ALL: ReadonlySet<number> = new Set(RELEASES.map(ordinal));

/** Whether a word of --uapi is a release rather than a proposal's name. */
export const isRelease = (text: string): boolean => /^v?\d/.test(text);

/** Where bits of a struct are, and which. */
interface Bits {
	readonly field: FieldInfo;
	readonly mask: bigint;
}

/** How an older kernel differs in one call. */
export interface Older {
	readonly release: string;
	/** bytes of the struct that it knows */
	readonly size: number;
	/** bits that must be zero: EOPNOTSUPP */
	readonly refused: readonly Bits[];
	/** values that are unknown: EOPNOTSUPP */
	readonly unknown: readonly { readonly field: FieldInfo; readonly value: bigint }[];
	/** bits that it answers as zero */
	readonly hidden: readonly Bits[];
}

/** The uAPI of an older kernel: what a call answers that it does not know, or knows only in part. */
export class Release {
	readonly #number: number;
	readonly #older = new Map<Ioctl, Older | undefined>();

	private constructor(
		readonly name: string,
		number: number,
	) {
		this.#number = number;
	}

	/** The release of this name; undefined if it has no iommufd or is newer than the newest known one. */
	static named(name: string): Release | undefined {
		const number = /^\d+\.\d+$/.test(name) ? ordinal(name) : Number.NaN;
		return ALL.has(number) ? new Release(name, number) : undefined;
	}

	/** `since` absent: unknown, so only the newest release has it. */
	#has(since: string | undefined): boolean {
		return since === undefined ? this.#number === CURRENT : this.#number >= ordinal(since);
	}

	/** How it differs in a call; undefined: it does not know the call. */
	older(ioctl: Ioctl): Older | undefined {
		if (!this.#older.has(ioctl)) this.#older.set(ioctl, this.#workOut(ioctl));
		return this.#older.get(ioctl);
	}

	#workOut(ioctl: Ioctl): Older | undefined {
		if (!this.#has(ioctl.since)) return undefined;
		const name = ioctl.name as IommuCall;
		const grown = growth.find(({ call }) => call === name)?.sizes.filter(([since]) => this.#has(since));
		const lacking = <T extends { readonly call: IommuCall; readonly since?: string }>(rows: readonly T[]): T[] =>
			rows.filter(({ call, since }) => call === name && !this.#has(since));
		const struct = ioctl.struct as StructType;
		const fieldAt = (path: string): FieldInfo => struct.leaves.find((leaf) => leaf.path === path) as FieldInfo;
		const bits = lacking(answered).map((row) => ({ ...row, field: fieldAt(row.field), mask: row.mask ?? ~0n }));
		return {
			release: this.name,
			size: grown?.at(-1)?.[1] ?? ioctl.size,
			refused: [
				...lacking(flags).map((row) => ({ field: fieldAt(row.field), mask: numbers(row, fieldAt(row.field)).reduce((a, b) => a | b) })),
				...bits.filter(({ reserved }) => reserved),
			],
			unknown: lacking(values).flatMap((row) => numbers(row, fieldAt(row.field)).map((value) => ({ field: fieldAt(row.field), value }))),
			hidden: bits,
		};
	}

	/** 0 if it knows the VFIO device call with these flags, otherwise the errno. `readFlags` answers undefined where the flags are unreadable. */
	refusesDeviceCall(request: number, readFlags: () => number | undefined): Ret {
		const { VFIO_DEVICE_BIND_IOMMUFD: BIND, VFIO_DEVICE_ATTACH_IOMMUFD_PT: ATTACH, VFIO_DEVICE_DETACH_IOMMUFD_PT: DETACH } = ioctls;
		if (request !== BIND.request && request !== ATTACH.request && request !== DETACH.request) return 0;
		if (!this.#has(vfio.devices)) return -ENOTTY;
		if (this.#has(request === BIND.request ? vfio.token : vfio.pasid)) return 0;
		return (readFlags() ?? 0) === 0 ? 0 : -EINVAL;
	}

	/** Whether the device node exists. */
	hasFile(path: string): boolean {
		return !path.startsWith("/dev/vfio/devices") || this.#has(vfio.devices);
	}
}

function numbers({ names }: Constant, { set }: FieldInfo): bigint[] {
	const entries = set ? setInfo(set).entries : [];
	return names.map((name) => BigInt(entries.find(([entry]) => entry === name)?.[1] ?? 0));
}

function read({ offset, size }: FieldInfo, view: DataView): bigint {
	if (size === 8) return view.getBigUint64(offset, true);
	return BigInt(size === 4 ? view.getUint32(offset, true) : size === 2 ? view.getUint16(offset, true) : view.getUint8(offset));
}

/** -EOPNOTSUPP for flags, reserved fields and values that the older kernel does not know. */
export function refuse({ refused, unknown, release }: Older, view: DataView, reasons: Reasons): Ret {
	for (const { field, mask } of refused) {
		const bits = read(field, view) & mask;
		if (bits) return reasons.fail(olderChecks.bitsTooNew, field.path, bits, release);
	}
	for (const { field, value } of unknown)
		if (read(field, view) === value) return reasons.fail(olderChecks.valueTooNew, field.path, value, release);
	return 0;
}

/** Zeroes the bits of an answer that the older kernel does not report. */
export function hide({ hidden }: Older, view: DataView): void {
	for (const { field, mask } of hidden) {
		const kept = read(field, view) & ~mask;
		if (field.size === 8) view.setBigUint64(field.offset, BigInt.asUintN(64, kept), true);
		else if (field.size === 4) view.setUint32(field.offset, Number(kept), true);
		else view.setUint8(field.offset, Number(kept));
	}
}
