/** What has an ID in a context. */
import type { IommufdContext } from "./context.js";

/** The class of each type of object; the file that defines one adds it here. */
// biome-ignore lint/suspicious/noEmptyInterface: filled by the files that define objects
export interface ObjectTypes {}

export type ObjectType = keyof ObjectTypes;

/** Anything with an ID in a context. */
export abstract class IommufdObject {
	abstract readonly type: ObjectType;
	/** taken when the object is made: the lowest free one, from 1 */
	readonly id: number;
	/** how many other objects, files and drivers hold on to it: while any do it can not be destroyed */
	users = 0;

	constructor(readonly context: IommufdContext) {
		this.id = context.takeId();
	}

	/** The context is going, before any of its objects do. */
	contextCloses(): void {}

	/** Let go of everything that this object holds. Called once, when its ID is already gone. */
	abstract destroy(): void;
}
