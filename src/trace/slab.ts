/** Bytes that stay: one after another in large buffers, as a buffer for each piece would cost more than its bytes. */

const SIZE = 1 << 16;

export class Slab {
	/** the buffer under way: who has put bytes into it keeps it */
	bytes = Buffer.allocUnsafeSlow(SIZE);
	/** where the next bytes go; what is there already stays */
	used = 0;

	/** Makes room for so many bytes in one piece, 64 KiB at most. */
	room(bytes: number): void {
		if (this.used + bytes <= SIZE) return;
		this.bytes = Buffer.allocUnsafeSlow(SIZE);
		this.used = 0;
	}
}
