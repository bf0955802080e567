/** The frames that go over a session's socket. */
// A frame is its kind (one letter), a length (32 bits, little-endian) and that many bytes. Every version of iommuctl can
// read the frames of every other one, so that it can at least say that the versions do not match.

/** The largest frame in bytes: longer than a command line can be. */
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
	/** the end of that file; with an errno's name if it could not be read */
	end: "E",
	status: "S",
	stop: "Q",
} as const;

/** From the session. */
export const answer = {
	stdout: "O",
	stderr: "2",
	/** asks the caller to send a file; without a name, its stdin */
	wantFile: "R",
	/** the exit code, in decimal */
	exit: "C",
	/** not for the session: the caller must run the command itself */
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

/** Reassembles frames. @returns a function that takes received bytes and returns false once they make no sense */
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
