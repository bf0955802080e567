/** The contract: what every call checks, in order, put together from the groups that the code fails with. */
import { dmaChecks } from "../contract/dma-notes.js";
import { proposalChecks } from "../extensions/contract.js";
import { commandContract, compatContract, deviceNotes } from "../iommufd/contract.js";
import { testContract } from "../iommufd/selftest/contract.js";
import { fileContract } from "../system/contract.js";
import type { Vendor } from "../vendors/vendor.js";
import { noIommuChecks, vfioContract } from "../vfio/contract.js";
import { type Contracts, inOrder, type VendorChecks } from "../why/contract.js";
import { callId } from "../why/reasons.js";
import { controlContract } from "./contract.js";
import witnesses from "./witnesses.json" with { type: "json" };

/** A check of a call. */
export interface ContractCheck {
	/** `ioas-map.iova-reserved` */
	readonly check: string;
	/** 0: it is no errno, but something that happens besides */
	readonly errno: number;
	/** what must hold */
	readonly rule: string;
	/** what is wrong where it does not, with `{values}` */
	readonly text: string;
	/** the release that introduced it; undefined: as old as the call */
	readonly since: string | undefined;
	readonly source: string;
	/** whose driver checks it; undefined: the core, on all hardware */
	readonly vendor: string | undefined;
	/** how many recorded answers of real kernels were given for it */
	readonly answers: number;
	/** whether a test of the simulated kernel reaches it */
	readonly tested: boolean;
}

/** What a call checks, in order. */
export interface CallContract {
	/** the uAPI's name, `IOMMU_IOAS_MAP`, or that of a system call */
	readonly call: string;
	/** its name in IDs of checks: `ioas-map` */
	readonly id: string;
	readonly checks: readonly ContractCheck[];
}

/** The name under which the notes of all calls stand. */
export const NOTES = "notes";

/** Calls by whose driver they can reach: mock devices are only made, and VFIO's never are, by the selftest driver's commands. */
const ofMocks: Contracts = testContract;
const ofHardware: Contracts = vfioContract;
const ofAll: Contracts = { ...commandContract, ...compatContract, ...fileContract, ...controlContract };

/** What happens in any call that makes a device act, and is no errno. */
const notes: Contracts = { [NOTES]: { ...deviceNotes, dma: dmaChecks } };

/** Every call's contract, in the order of the uAPI. */
export function contracts(vendors: readonly Vendor[]): CallContract[] {
	const drivers = (of: (vendor: Vendor) => boolean): VendorChecks[] =>
		vendors.filter(of).map(({ title, checks }) => ({ vendor: title, hooks: checks ?? {} }));
	const isMock = ({ driver }: Vendor) => driver === undefined;
	const kernel = [noIommuChecks, proposalChecks];
	return [
		...listed(ofAll, [...drivers(() => true), ...kernel]),
		...listed(ofMocks, drivers(isMock)),
		...listed(ofHardware, [...drivers((vendor) => !isMock(vendor)), ...kernel]),
		...listed(
			notes,
			drivers(() => true),
		),
	];
}

function listed(of: Contracts, drivers: readonly VendorChecks[]): CallContract[] {
	const answers: Readonly<Record<string, number>> = witnesses.answers;
	const tested = new Set<string>(witnesses.tests);
	return Object.entries(of).map(([call, group]) => {
		const id = callId(call);
		const checks = inOrder(group, drivers).map(({ check: { name, errno, rule, text, since, source }, vendor }) => {
			const check = `${id}.${name}`;
			// A note is the same whatever call it is of.
			const counted = errno === 0 ? `${NOTES}.${name}` : check;
			return { check, errno, rule, text, since, source, vendor, answers: answers[counted] ?? 0, tested: tested.has(counted) };
		});
		return { call, id, checks };
	});
}
