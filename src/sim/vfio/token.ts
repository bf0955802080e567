/** Tokens of SR-IOV functions: 16 bytes that only those who set them know. */
export function newToken(): Uint8Array {
	// Nothing is guarded by it here, and Node takes longer to load its crypto than to do most commands.
	return Uint8Array.from({ length: 16 }, () => Math.random() * 256);
}

export function sameToken(a: Uint8Array, b: Uint8Array): boolean {
	return a.every((byte, i) => byte === b[i]);
}

/** The 16 bytes of a UUID's text; undefined if it is none. */
export function parseToken(text: string): Uint8Array | undefined {
	if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) return undefined;
	const hex = text.replaceAll("-", "");
	return Uint8Array.from({ length: 16 }, (_, i) => Number.parseInt(hex.slice(i * 2, i * 2 + 2), 16));
}
