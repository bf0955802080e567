/** A queue in which one task runs at a time. */
/** Grants turns one at a time, in the order in which they were requested. */
export class Turns {
	#last: Promise<void> = Promise.resolve();

	/** Waits for the turn. @returns a function that passes it on */
	async take(): Promise<() => void> {
		const before = this.#last;
		let handOn = () => {};
		this.#last = new Promise((resolve) => {
			handOn = resolve;
		});
		await before;
		return handOn;
	}
}
