/** Eventfds as the kernel uses them, wherever they are. */

/** An eventfd that the kernel holds: it stays, even when every descriptor of it is closed. */
export interface HeldEvent {
	/** what a read would return now, where that is known */
	readonly count?: bigint;
	/** Add to its count; who polls or reads it wakes up. */
	signal(count: bigint): void;
	/**
	 * From now on `listener` is called whenever its count is not 0, at once if it is not now; the count is taken (0) before.
	 * @returns what ends it
	 */
	watch(listener: () => void): () => void;
	/** Drop it; nothing may be done with it afterwards. */
	release(): void;
}

/** What a file that is an eventfd offers the kernel. */
export interface EventFile {
	/** A hold on it; undefined: it cannot be reached. */
	hold(): HeldEvent | undefined;
}
