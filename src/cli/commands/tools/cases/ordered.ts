/** Work by several at once whose results come in order. */

/** Results that may wait for an earlier one: memory stays bounded. */
const AHEAD = 256;

export interface Order<T> {
	/** of the next few the largest begins first; those of one size in their order */
	readonly size?: (item: T) => number;
	/** once it is true, nothing new begins */
	readonly stop?: () => boolean;
}

/**
 * The results of `items`, in their order, while each of `workers` has one at a time. What one throws comes in its turn too, and
 * then nothing new begins.
 */
export async function* ordered<T, R>(
	items: readonly T[],
	workers: readonly ((item: T) => Promise<R>)[],
	{ size = () => 0, stop = () => false }: Order<T> = {},
): AsyncGenerator<R> {
	const done = new Map<number, { result: R } | { error: unknown }>();
	const left = new Set(items.keys());
	let next = 0;
	let ended = false;
	let wake = (): void => {};
	const largest = (): number | undefined => {
		let best: number | undefined;
		for (const at of left) {
			if (at >= next + AHEAD) break;
			if (best === undefined || size(items[at]) > size(items[best])) best = at;
		}
		return best;
	};
	const start = (work: (item: T) => Promise<R>): void => {
		const at = ended || stop() ? undefined : largest();
		if (at === undefined) {
			idle.push(work);
			return;
		}
		left.delete(at);
		const settle = (came: { result: R } | { error: unknown }): void => {
			done.set(at, came);
			wake();
			start(work);
		};
		work(items[at]).then(
			(result) => settle({ result }),
			(error) => settle({ error }),
		);
	};
	const idle = [...workers];
	try {
		while (next < items.length) {
			for (const work of idle.splice(0)) start(work);
			const came = done.get(next);
			if (came === undefined) {
				if (left.has(next) && stop()) return;
				await new Promise<void>((resolve) => {
					wake = resolve;
				});
				continue;
			}
			done.delete(next++);
			if ("error" in came) throw came.error;
			yield came.result;
		}
	} finally {
		ended = true;
	}
}
