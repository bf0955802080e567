/** Bytes that stay: one after another in large buffers, as a buffer for each piece would cost more than its bytes. */
import { viewOf } from "./hex.js";

const SIZE = 1 << 16;

export class Slab {
	/** the buffer under way, and its words: who has put bytes into it keeps them */
	bytes = Buffer.allocUnsafeSlow(SIZE);
	view = viewOf(this.bytes);
	/** where the next bytes go; what is there already stays */
	used = 0;

	/** Makes room for so many bytes in one piece, 64 KiB at most. */
	room(bytes: number): void {
		if (this.used + bytes <= SIZE) return;
		this.bytes = Buffer.allocUnsafeSlow(SIZE);
		this.view = viewOf(this.bytes);
		this.used = 0;
	}
}
