/** The base class of iommufd objects. */
import type { IommufdContext } from "./context.js";

/** The class of each object type; the file that defines a class adds it here. */
// biome-ignore lint/suspicious/noEmptyInterface: filled by the files that define objects
export interface ObjectTypes {}

export type ObjectType = keyof ObjectTypes;

/** An object with an ID in a context. */
export abstract class IommufdObject {
	abstract readonly type: ObjectType;
	/** the lowest free ID, from 1, at the time the object is made */
	readonly id: number;
	/** number of other objects, files and drivers that hold it: unless 0, it cannot be destroyed */
	users = 0;

	constructor(readonly context: IommufdContext) {
		this.id = context.takeId();
	}

	/** The objects that it holds: they cannot be destroyed before it is. */
	holds(): readonly IommufdObject[] {
		return [];
	}

	/** what outside of the context holds it, in words: its open file, its driver; undefined: nothing */
	get heldFrom(): string | undefined {
		return undefined;
	}

	/** Called when the context is about to destroy its objects. */
	contextCloses(): void {}

	/** Release everything that this object holds. Called once, after its ID is removed. */
	abstract destroy(): void;
}
