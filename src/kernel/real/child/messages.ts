/** What a parent and its child say to each other. */

/** A call's name and its arguments. */
export type Request = readonly [call: string, ...given: unknown[]];

/** What it returned, and the arguments that it changed, by their position. */
export interface Answer {
	readonly ret: number | bigint;
	readonly changed: readonly (readonly [at: number, after: unknown])[];
}
