/** What is in a context, wherever it is known from. */

export interface GraphObject {
	readonly id: number;
	/** as iommufd calls it: ioas, hwpt-paging, device, ... */
	readonly type: string;
	/** the object that it hangs from in the tree */
	readonly parent?: number;
	/** other objects that it has to do with */
	readonly refs: readonly { readonly what: string; readonly id: number }[];
	/** in the order in which they are shown; `true` shows the name alone */
	readonly details: Readonly<Record<string, string | number | true>>;
}

export interface GraphContext {
	readonly objects: readonly GraphObject[];
}

export interface Range {
	readonly start: bigint;
	/** included */
	readonly last: bigint;
}

export interface Area extends Range {
	readonly readable: boolean;
	readonly writable: boolean;
	/** where its pages come from, if known: `user 0x7f...`, `file`, `ioas 3` */
	readonly from?: string;
}

/** The IOVA space of an IOAS. */
export interface IoasView {
	readonly id: number;
	/** rising, not overlapping */
	readonly areas: readonly Area[];
	/** may overlap each other */
	readonly reserved: readonly (Range & { readonly owner?: string })[];
	/** where IOVAs are picked; empty: everywhere that is not reserved */
	readonly allowed: readonly Range[];
	/** bytes */
	readonly alignment: bigint;
}

/** What can be said of a kernel's contexts. */
export interface Known {
	/** `kernel`: looked up in the simulated kernel itself; `recorded`: what passed through here */
	readonly source: "kernel" | "recorded";
	contexts(): GraphContext[];
	ioas(id: number): IoasView | undefined;
}
