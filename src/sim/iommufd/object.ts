import type { IommufdContext } from "./context.js";

export type ObjectType =
	| "device"
	| "ioas"
	| "hwpt-paging"
	| "hwpt-nested"
	| "access"
	| "fault"
	| "viommu"
	| "vdevice"
	| "veventq"
	| "hw-queue"
	| "selftest";

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

	/** Let go of everything that this object holds. Called once, when its ID is already gone. */
	abstract destroy(): void;
}
