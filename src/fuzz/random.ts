/** A random number generator: the same seed gives the same numbers. */
export class Random {
	private state: number;

	constructor(seed: number) {
		this.state = seed | 0;
	}

	u32(): number {
		this.state = (this.state + 0x9e3779b9) | 0;
		let z = this.state;
		z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
		z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
		return (z ^ (z >>> 16)) >>> 0;
	}

	u64(): bigint {
		return (BigInt(this.u32()) << 32n) | BigInt(this.u32());
	}

	/** 0 to n-1 */
	below(n: number): number {
		return this.u32() % n;
	}

	/** true with this probability in percent */
	chance(percent: number): boolean {
		return this.below(100) < percent;
	}

	pick<T>(list: readonly T[]): T {
		return list[this.below(list.length)];
	}

	bytes(length: number): Uint8Array {
		const bytes = new Uint8Array(length);
		for (let i = 0; i < length; i++) bytes[i] = this.u32();
		return bytes;
	}
}
