/** What machine files, pictures and traces' headers ask of whoever makes a kind of IOMMU. */
import type { Iommu, Machine } from "./description.js";
import type { Fields } from "./fields.js";

/** One kind of IOMMU, as far as the board knows it. */
export interface BoardVendor<I extends Iommu = Iommu> {
	/** the word for it, in machine files and on the command line */
	readonly kind: string;
	/** options of the kernel that concern it, by their field in a machine file: what holds without the field */
	readonly kernelOptions?: Readonly<Record<string, boolean>>;
	/** Reads its own fields of a machine file; what every IOMMU has is in `base`. Throws a MachineError. */
	parse(fields: Fields, base: Iommu): I;
	/** Its own fields, as a machine file has them. */
	file(iommu: I): Record<string, unknown>;
	/** What a picture says of it, in one line. */
	describe(iommu: I): string;
	/** the machine of that kind that comes with the program */
	readonly builtin: BuiltinMachine;
	/** The IOMMUs that a recorded trace's first line names; undefined: it names none of this kind. */
	recorded?(header: TraceHeader): RecordedIommus | undefined;
}

/** A built-in machine's own part; its devices are the same for every kind. Plain data in the form of a machine file. */
export interface BuiltinMachine {
	/** in one line */
	readonly about: string;
	readonly arch: Machine["arch"];
	readonly iommu: Readonly<Record<string, unknown>> & { readonly name: string };
	/** the kind's own options of the kernel */
	readonly kernel?: Readonly<Record<string, unknown>>;
	/** PCI devices behind it; absent: it has none */
	readonly devices?: {
		/** fields of the devices that share virtual addresses, besides PASIDs, ATS and PRI */
		readonly svm?: Readonly<Record<string, unknown>>;
		/** one of them is split into virtual devices (Scalable IOV) */
		readonly siov?: boolean;
	};
	/** what the mixed machine calls it; absent: it is not part of that */
	readonly mixed?: string;
}

/** The first line of a trace: any JSON object. */
export type TraceHeader = Readonly<Record<string, unknown>>;

/** A recorded machine's IOMMUs, in the form of a machine file. */
export interface RecordedIommus {
	/** of the machine, behind `trace-` */
	readonly name: string;
	readonly arch: Machine["arch"];
	readonly kernel?: Readonly<Record<string, unknown>>;
	readonly iommus: readonly Readonly<Record<string, unknown>>[];
	/** devices may cache translations */
	readonly deviceTlbs: boolean;
	/** Fields of a device that its entry in the header does not say itself. */
	device?(entry: TraceHeader): Readonly<Record<string, unknown>>;
}

/** The vendor of a kind. Throws a RangeError for a kind that none of them has. */
export function vendorOf<V extends { readonly kind: string }>(vendors: readonly V[], kind: string): V {
	const found = vendors.find((each) => each.kind === kind);
	if (found === undefined) throw new RangeError(`no vendor makes IOMMUs of kind "${kind}"`);
	return found;
}
