/** What a vendor provides for machine files, pictures and trace headers. */
import type { Iommu, Machine } from "./description.js";
import type { Fields } from "./fields.js";

/** One kind of IOMMU, as the board sees it. */
export interface BoardVendor<I extends Iommu = Iommu> {
	/** its name in machine files and on the command line */
	readonly kind: string;
	/** kernel options for this kind, by field name in a machine file; the values are the defaults */
	readonly kernelOptions?: Readonly<Record<string, boolean>>;
	/** deviations from the specification that its IOMMUs may have, by name in a machine file; each in words */
	readonly quirks?: Readonly<Record<string, string>>;
	/** Reads the vendor's fields of a machine file; `base` has the fields of every IOMMU. Throws a MachineError. */
	parse(fields: Fields, base: Iommu): I;
	/** The vendor's fields, in the form of a machine file. */
	file(iommu: I): Record<string, unknown>;
	/** One line about it, for a picture. */
	describe(iommu: I): string;
	/** the built-in machine of this kind */
	readonly builtin: BuiltinMachine;
	/** further built-in machines of this kind, by name */
	readonly variants?: Readonly<Record<string, BuiltinMachine>>;
	/** The IOMMUs that a trace's header names; undefined: none of this kind. */
	recorded?(header: TraceHeader): RecordedIommus | undefined;
	/** A unit of the running system, in the form of a machine file without its name; undefined: it is of another kind. */
	probe?(unit: ProbedUnit): Readonly<Record<string, unknown>> | undefined;
}

/** A unit below /sys/class/iommu. */
export interface ProbedUnit {
	/** its name there: `dmar0` */
	readonly name: string;
	/** the text of a file below its folder, without the newline; undefined if there is none */
	read(path: string): string | undefined;
	/** the kernel's command line */
	readonly kernelArguments: string;
	/** the driver's struct that GET_HW_INFO of a device behind it answered; undefined: it was not asked */
	readonly hwInfo: Uint8Array | undefined;
	/** takes what had to be assumed, in words */
	note(text: string): void;
}

/** The vendor's part of a built-in machine, whose devices are the same for every kind. Plain data in the form of a machine file. */
export interface BuiltinMachine {
	/** one line about the machine */
	readonly about: string;
	readonly arch: Machine["arch"];
	readonly iommu: Readonly<Record<string, unknown>> & { readonly name: string };
	/** kernel options for this kind */
	readonly kernel?: Readonly<Record<string, unknown>>;
	/** the PCI devices behind it; absent: none */
	readonly devices?: {
		/** fields of the SVA devices, in addition to PASIDs, ATS and PRI */
		readonly svm?: Readonly<Record<string, unknown>>;
		/** one of them is split into virtual devices (Scalable IOV) */
		readonly siov?: boolean;
	};
	/** its description in the mixed machine; absent: it is not part of it */
	readonly mixed?: string;
}

/** The first line of a trace: any JSON object. */
export type TraceHeader = Readonly<Record<string, unknown>>;

/** A recorded machine's IOMMUs, in the form of a machine file. */
export interface RecordedIommus {
	/** the machine's name without the prefix `trace-` */
	readonly name: string;
	readonly arch: Machine["arch"];
	readonly kernel?: Readonly<Record<string, unknown>>;
	readonly iommus: readonly Readonly<Record<string, unknown>>[];
	/** devices may cache translations */
	readonly deviceTlbs: boolean;
	/** Fields of a device that its entry in the header leaves out. */
	device?(entry: TraceHeader): Readonly<Record<string, unknown>>;
}

/** The vendor of a kind. Throws a RangeError for an unknown kind. */
export function vendorOf<V extends { readonly kind: string }>(vendors: readonly V[], kind: string): V {
	const found = vendors.find((each) => each.kind === kind);
	if (found === undefined) throw new RangeError(`no vendor makes IOMMUs of kind "${kind}"`);
	return found;
}
