/** Lets one go at a time, in the order of asking. */
export class Turns {
	#last: Promise<void> = Promise.resolve();

	/** @returns what hands the turn on, once it is ours */
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
