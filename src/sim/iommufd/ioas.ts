/** IOAS objects. */
import { IovaSpace } from "../iova/iova-space.js";
import type { HwptPaging } from "./hwpt.js";
import { IommufdObject } from "./object.js";

declare module "./object.js" {
	interface ObjectTypes {
		ioas: Ioas;
	}
}

/** An I/O address space, from which page tables are filled and accesses take pages. */
export class Ioas extends IommufdObject {
	readonly type = "ioas";
	readonly space = new IovaSpace(this.context.system);
	/** its page tables, in order of allocation */
	readonly hwpts: HwptPaging[] = [];

	override destroy(): void {
		this.space.destroy();
	}
}
