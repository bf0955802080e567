/** VF tokens: 16 bytes, a secret between the users of a physical function and of its virtual functions. */

/** The token of a physical function: random until it is set. */
export class VfToken {
	/** number of virtual functions that are open */
	openVfs = 0;
	// The token protects nothing here, and Node takes longer to load its crypto module than to run most commands.
	#uuid = Uint8Array.from({ length: 16 }, () => Math.random() * 256);

	/** Set it: false while virtual functions are open. */
	set(uuid: Uint8Array): boolean {
		if (this.openVfs > 0) return false;
		this.#uuid = Uint8Array.from(uuid);
		return true;
	}

	is(given: Uint8Array | undefined): boolean {
		return given?.every((byte, i) => byte === this.#uuid[i]) === true;
	}
}

/** What is wrong with a token that was given, or not. */
export function howGiven(given: Uint8Array | undefined): string {
	return given === undefined ? "no token was given" : "another token was given";
}

/** Parse a UUID into its 16 bytes; undefined if the text is not a UUID. */
export function parseToken(text: string): Uint8Array | undefined {
	if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) return undefined;
	const hex = text.replaceAll("-", "");
	return Uint8Array.from({ length: 16 }, (_, i) => Number.parseInt(hex.slice(i * 2, i * 2 + 2), 16));
}
