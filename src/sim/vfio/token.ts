/** VF tokens: 16 bytes, a secret between the users of a physical function and of its virtual functions. */
export function newToken(): Uint8Array {
	// The token protects nothing here, and Node takes longer to load its crypto module than to run most commands.
	return Uint8Array.from({ length: 16 }, () => Math.random() * 256);
}

export function sameToken(a: Uint8Array, b: Uint8Array): boolean {
	return a.every((byte, i) => byte === b[i]);
}

/** Parse a UUID into its 16 bytes; undefined if the text is not a UUID. */
export function parseToken(text: string): Uint8Array | undefined {
	if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) return undefined;
	const hex = text.replaceAll("-", "");
	return Uint8Array.from({ length: 16 }, (_, i) => Number.parseInt(hex.slice(i * 2, i * 2 + 2), 16));
}
