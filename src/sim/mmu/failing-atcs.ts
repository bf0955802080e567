/** Which invalidations of devices' own caches (ATCs) will fail. */

/** In place of a PASID: the transaction carries none, and is cached separately. */
export const NO_PASID = 0x10_0000;

/** How a device-TLB invalidation can fail: it times out, or completes with an error (VT-d's ITE and ICE). */
export type AtcError = "ITE" | "ICE";

/** A device-TLB invalidation that failed: whose it was, as its descriptor said. */
export interface AtcFailure {
	/** requester ID */
	readonly device: number;
	/** PASID, or NO_PASID; undefined: the descriptor was for all of the device's */
	readonly context: number | undefined;
	readonly error: AtcError;
}

/** Failures to come, in order, by device; each for one PASID, or for any that nobody else owns. */
export class FailingAtcs {
	readonly #queued = new Map<number, { readonly error: AtcError; readonly matches: (context: number | undefined) => boolean }[]>();

	get any(): boolean {
		return this.#queued.size > 0;
	}

	/** The next invalidation of the device's cache for a PASID that `matches` will fail: what is cached stays. */
	add(device: number, error: AtcError, matches: (context: number | undefined) => boolean = () => true): void {
		const queued = this.#queued.get(device);
		if (queued) queued.push({ error, matches });
		else this.#queued.set(device, [{ error, matches }]);
	}

	/** Takes the failure of an invalidation out; undefined: it succeeds. */
	take(device: number, context: number | undefined): AtcFailure | undefined {
		const queued = this.#queued.get(device);
		const at = queued?.findIndex(({ matches }) => matches(context)) ?? -1;
		if (queued === undefined || at < 0) return undefined;
		const [{ error }] = queued.splice(at, 1);
		if (queued.length === 0) this.#queued.delete(device);
		return { device, context, error };
	}
}
