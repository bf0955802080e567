/** Notifiers of a guest's IOMMU, as proposed in 2017 and 2018: what the guest's queue gets is forwarded until they are unregistered. */
import { ENOENT } from "../../kernel/errno.js";
import { Refusal } from "../contract/control-error.js";
import type { Targets } from "../vendors/guest-queue.js";

/** Someone who wants to be told of a guest's invalidations. */
export interface Notifier {
	readonly id: number;
	/** the kind of IOMMU whose queue it listens to */
	readonly vendor: string;
	/** the bound table that the descriptors go to; undefined: they become arrays for `targets` */
	readonly table: number | undefined;
	readonly targets: Targets;
	/** descriptors that it was told of */
	told: number;
}

/** The notifiers that are registered, oldest first. */
export class Notifiers {
	readonly #all = new Map<number, Notifier>();
	#next = 1;

	get all(): Iterable<Notifier> {
		return this.#all.values();
	}

	register(vendor: string, table: number | undefined, targets: Targets): Notifier {
		const notifier: Notifier = { id: this.#next++, vendor, table, targets, told: 0 };
		this.#all.set(notifier.id, notifier);
		return notifier;
	}

	/** Throws a Refusal (ENOENT) if there is none. */
	unregister(id: number): void {
		if (!this.#all.delete(id)) throw new Refusal(ENOENT, `there is no notifier ${id}`, "vsva register makes one, vsva list shows them");
	}

	/** A table is bound no more: nobody can be told of its guest's invalidations. */
	gone(table: number): void {
		for (const [id, notifier] of this.#all) if (notifier.table === table) this.#all.delete(id);
	}
}
