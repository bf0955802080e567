/** Gives the simulated kernel the uAPI of another release. */
import {
	CURRENT_RELEASE,
	type FieldInfo,
	type Ioctl,
	type IommuCall,
	ioctls,
	iommu_test_op,
	RELEASES,
	type StructType,
	setInfo,
} from "../../../structs/index.js";
import type { Ret } from "../../kernel/kernel.js";
import type { ReleaseRule as Rule } from "../../kernel/release-rule.js";
import type { Reasons } from "../why/reasons.js";
import { olderDeviceChecks, olderNodeChecks } from "./checks.js";
import type { Bits, Older } from "./older.js";
import { ordinal } from "./ordinal.js";
import { type ChangeName, ruleOf } from "./rules.js";
import { answered, type Constant, flags, growth, testDevices, testOps, values, vfio } from "./table.js";

/** What the simulated kernel is by itself. */
const CURRENT = ordinal(CURRENT_RELEASE);
const ALL: ReadonlySet<number> = new Set(RELEASES.map(ordinal));

/** Whether a word of --uapi is a release rather than a proposal's name. */
export const isRelease = (text: string): boolean => /^v?\d/.test(text);

/** A release of the kernel: what it does otherwise than 7.3. */
export class Release {
	readonly #number: number;
	readonly #older = new Map<Ioctl, Older | undefined>();
	readonly #noted = new Set<Rule>();

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

	/** `since` absent: unknown, so only 7.3 and newer have it. */
	#has(since: string | undefined, also: readonly string[] = []): boolean {
		return this.#number >= (since === undefined ? CURRENT : ordinal(since)) || also.includes(this.name);
	}

	/** Tells that a rule made the answer differ. */
	readonly note = (rule: Rule): void => {
		this.#noted.add(rule);
	};

	/** The rules noted since the last time that this was asked. */
	takeNoted(): Rule[] {
		const noted = [...this.#noted];
		this.#noted.clear();
		return noted;
	}

	/** Whether it is older than a change. */
	predates(name: ChangeName): boolean {
		const { rule, number } = ruleOf(name);
		return this.#number < number && !rule.also?.includes(this.name);
	}

	/** The same, and notes the change if so: to be asked where the answer depends on nothing else. */
	lacks(name: ChangeName): boolean {
		if (!this.predates(name)) return false;
		this.#noted.add(ruleOf(name).rule);
		return true;
	}

	/** Whether it is new enough for a change after 7.3, and notes the change if so: to be asked where the answer depends on nothing else. */
	gained(name: ChangeName): boolean {
		if (this.predates(name)) return false;
		this.#noted.add(ruleOf(name).rule);
		return true;
	}

	/** How it differs in a call; undefined: it does not know the call. */
	older(ioctl: Ioctl): Older | undefined {
		if (!this.#older.has(ioctl)) this.#older.set(ioctl, this.#workOut(ioctl));
		return this.#older.get(ioctl);
	}

	/** Whether it knows the call. If not, that is noted. */
	knows({ name, since }: Ioctl): boolean {
		if (this.#has(since)) return true;
		this.note({ name, since, before: "the call is not known: ENOTTY" });
		return false;
	}

	#workOut(ioctl: Ioctl): Older | undefined {
		if (!this.#has(ioctl.since)) return undefined;
		const name = ioctl.name as IommuCall;
		const sizes = growth.find(({ call }) => call === name)?.sizes ?? [];
		const known = sizes.filter(([since]) => this.#has(since)).at(-1);
		const next = sizes.find(([since]) => !this.#has(since));
		const lacking = <T extends { readonly call: IommuCall; readonly since?: string; readonly also?: readonly string[] }>(
			rows: readonly T[],
		): T[] => rows.filter(({ call, since, also }) => call === name && !this.#has(since, also));
		const struct = ioctl.struct as StructType;
		const fieldAt = (path: string): FieldInfo => struct.leaves.find((leaf) => leaf.path === path) as FieldInfo;
		const refused: Bits[] = [];
		const lateFlags: Bits[] = [];
		const lateTypes: Bits[] = [];
		for (const row of lacking(flags)) {
			const field = fieldAt(row.field);
			const rule = { name: row.names.join(" and "), since: row.since, before: `not known in ${row.field}: EOPNOTSUPP` };
			(row.late ? lateFlags : refused).push({ rule, field, mask: numbers(row, field).reduce((a, b) => a | b) });
		}
		for (const row of lacking(values)) {
			const field = fieldAt(row.field);
			for (const [at, value] of numbers(row, field).entries()) {
				const rule = { name: row.names[at], since: row.since, before: `not known in ${row.field}: EOPNOTSUPP` };
				(row.late ? lateTypes : refused).push({ rule, field, mask: ~0n, value });
			}
		}
		const hidden = lacking(answered).map(({ field: path, mask = ~0n, since }): Bits => {
			return { rule: { name: `${name}.${path}`, since, before: "not reported: zero" }, field: fieldAt(path), mask };
		});
		for (const row of lacking(answered).filter(({ reserved }) => reserved)) {
			const rule = { name: `${name}.${row.field}`, since: row.since, before: "reserved: EOPNOTSUPP unless it is zero" };
			refused.push({ rule, field: fieldAt(row.field), mask: row.mask ?? ~0n });
		}
		const size = known?.[1] ?? ioctl.size;
		return {
			release: this.name,
			size,
			minSize: Math.min(ioctl.minSize, size),
			...(next && { growth: { name, since: next[0], before: `its struct has ${size} bytes: E2BIG for anything behind them` } }),
			refused,
			lateFlags,
			lateTypes,
			hidden,
			note: this.note,
		};
	}

	/** Whether the selftest driver knows an operation. If not, that is noted. */
	knowsTestOp(op: number): boolean {
		const row = testOps.get(op);
		if (row === undefined || this.#has(row)) return true;
		const name = Object.entries(iommu_test_op).find(([, value]) => value === op)?.[0] ?? String(op);
		this.note({ name, since: row, before: "the operation is not known: EOPNOTSUPP" });
		return false;
	}

	/** Whether the selftest driver knows a flag of mock devices. */
	knowsTestDevice(flag: number): boolean {
		const row = testDevices.find((each) => each.flag === flag);
		if (row === undefined) return false;
		const known = this.#has(row.since) && (row.until === undefined || !this.#has(row.until));
		// Of a flag that 7.3 no longer knows, knowing it is the difference.
		if (known && row.until !== undefined) this.note({ name: row.name, since: row.until, before: "mock devices have the flag" });
		if (!known && row.until === undefined) this.note({ name: row.name, since: row.since, before: "the flag is not known: EINVAL" });
		return known;
	}

	/** 0 if it knows the VFIO device call with these flags, otherwise the errno. `readFlags` answers undefined where the flags are unreadable. */
	refusesDeviceCall(request: number, readFlags: () => number | undefined, reasons: Reasons): Ret {
		const { VFIO_DEVICE_BIND_IOMMUFD: BIND, VFIO_DEVICE_ATTACH_IOMMUFD_PT: ATTACH, VFIO_DEVICE_DETACH_IOMMUFD_PT: DETACH } = ioctls;
		const call = [BIND, ATTACH, DETACH].find((each) => each.request === request);
		if (call === undefined) return 0;
		if (!this.#has(vfio.devices)) return reasons.fail(olderDeviceChecks.callTooNew, call.name, vfio.devices, this.name);
		const since = request === BIND.request ? vfio.token : vfio.pasid;
		if (this.#has(since)) return 0;
		const given = readFlags() ?? 0;
		if (given === 0) return 0;
		const name = request === BIND.request ? vfio.names.token : vfio.names.pasid;
		this.note({ name, since, before: "not known in flags: EINVAL" });
		return reasons.fail(olderDeviceChecks.flagsTooNew, given, this.name);
	}

	/** 0 if device nodes of this kind exist, otherwise minus the errno. */
	refusesFile(path: string, reasons: Reasons): Ret {
		if (!path.startsWith("/dev/vfio/devices") || this.#has(vfio.devices)) return 0;
		this.note({ name: vfio.names.devices, since: vfio.devices, before: "there are no device files: ENOENT" });
		return reasons.fail(olderNodeChecks.nodeTooNew, path, vfio.devices, this.name);
	}
}

function numbers({ names }: Constant, { set }: FieldInfo): bigint[] {
	const entries = set ? setInfo(set).entries : [];
	return names.map((name) => BigInt(entries.find(([entry]) => entry === name)?.[1] ?? 0));
}
