/** The base class of iommufd objects. */
import type { IommufdContext } from "./context.js";

/** The class of each object type; the file that defines a class adds it here. */
// biome-ignore lint/suspicious/noEmptyInterface: filled by the files that define objects
export interface ObjectTypes {}

export type ObjectType = keyof ObjectTypes;

/** Something that a program can do: `destroy`, `hwpt-nested 5`. */
export interface Release {
	readonly verb: string;
	readonly what: string;
}

/** Who holds an object without being one, in words: `its open file`. */
export interface Outsider extends Release {
	readonly who: string;
}

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

	/** `hwpt-nested 5` */
	toString(): string {
		return `${this.type} ${this.id}`;
	}

	/** The objects that it holds: they cannot be destroyed before it is. */
	holds(): readonly IommufdObject[] {
		return [];
	}

	/** Who outside of the context holds it, and what makes them let go. */
	get heldFrom(): Outsider | undefined {
		return undefined;
	}

	/** What makes it let go of what it holds; undefined: it goes with what holds it. */
	get release(): Release | undefined {
		return { verb: "destroy", what: `${this}` };
	}

	/** It would go with what it belongs to, so a program that releases things one by one has to begin with it. */
	get goesEarly(): boolean {
		return false;
	}

	/** Called when the context is about to destroy its objects. */
	contextCloses(): void {}

	/** Release everything that this object holds. Called once, after its ID is removed. */
	abstract destroy(): void;
}
