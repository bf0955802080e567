/**
 * What goes over a session's socket: frames of a kind (one letter), a length (32 bits, little endian) and that many
 * bytes. Any version of iommuctl can read any other's frames, so that it can at least say that they do not fit.
 */

/** Bytes of one frame at most: more than a command line can have. */
export const longestFrame = 8 << 20;
/** Bytes of output or of a file that go into one frame. */
export const pieceLength = 1 << 16;

const headLength = 5;

/** From the caller. */
export const ask = {
	/** JSON: an ExecRequest */
	exec: "X",
	/** bytes of the file that `wantFile` asked for */
	data: "D",
	/** the end of that file; an errno's name if it could not be read */
	end: "E",
	status: "S",
	stop: "Q",
} as const;

/** From the session. */
export const answer = {
	stdout: "O",
	stderr: "2",
	/** the caller shall send a file; no name: its stdin */
	wantFile: "R",
	/** the exit code, in decimal */
	exit: "C",
	/** not for the session: the caller shall run the command itself */
	local: "L",
	/** JSON: a SessionStatus */
	status: "J",
} as const;

export function frame(kind: string, payload: Uint8Array | string = ""): Buffer {
	const bytes = typeof payload === "string" ? Buffer.from(payload) : payload;
	const whole = Buffer.allocUnsafe(headLength + bytes.length);
	whole[0] = kind.charCodeAt(0);
	whole.writeUInt32LE(bytes.length, 1);
	whole.set(bytes, headLength);
	return whole;
}

/** Puts frames together again. @returns a function that takes what came and answers false once it makes no sense */
export function frameReader(onFrame: (kind: string, payload: Buffer) => void): (chunk: Buffer) => boolean {
	let parts: Buffer[] = [];
	let held = 0;
	let wanted = headLength;
	return (chunk) => {
		parts.push(chunk);
		held += chunk.length;
		if (held < wanted) return true;
		let rest = parts.length === 1 ? chunk : Buffer.concat(parts);
		wanted = headLength;
		while (rest.length >= headLength) {
			const length = rest.readUInt32LE(1);
			if (length > longestFrame) return false;
			wanted = headLength + length;
			if (rest.length < wanted) break;
			onFrame(String.fromCharCode(rest[0]), rest.subarray(headLength, wanted));
			rest = rest.subarray(wanted);
			wanted = headLength;
		}
		parts = rest.length > 0 ? [rest] : [];
		held = rest.length;
		return true;
	};
}
