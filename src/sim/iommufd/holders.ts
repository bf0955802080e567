/** Says what keeps an object from being destroyed, and in which order to release it. */
import type { IommufdContext } from "./context.js";
import type { IommufdObject } from "./object.js";

/** Everything that holds the object, directly or through others, in an order in which all of it can go: `device 4, hwpt-nested 5`. */
export function holdersOf(context: IommufdContext, object: IommufdObject): string {
	const order: IommufdObject[] = [];
	const visit = (held: IommufdObject): void => {
		for (const one of context.objects) {
			if (order.includes(one) || !one.holds().includes(held)) continue;
			visit(one);
			order.push(one);
		}
	};
	visit(object);
	const held = order.map(({ type, id, heldFrom }) => `${type} ${id}${heldFrom === undefined ? "" : ` (${heldFrom})`}`);
	if (object.heldFrom !== undefined) held.push(object.heldFrom);
	return held.length > 0 ? held.join(", then ") : "a call under way";
}
