/** Orders releases by their names. */

/** `6.12` as 6012 */
export function ordinal(text: string): number {
	const [major, minor] = text.split(".").map(Number);
	return major * 1000 + minor;
}
