/** Says what keeps an object from being destroyed, and in which order to release it. */
import type { IommufdContext } from "./context.js";
import type { IommufdObject, Release } from "./object.js";

/** Objects that a text names, and steps. */
const MOST = 8;

/**
 * Who holds the object, and what lets it go, in order:
 * `hwpt-paging 4, hwpt-paging 5: detach device 3, then destroy hwpt-nested 6, then hwpt-paging 5`.
 */
export function holdersOf(context: IommufdContext, object: IommufdObject): string {
	const holders = holdersIn(context);
	const seen = new Set<IommufdObject>([object]);
	const early: Release[] = [];
	const steps: Release[] = [];
	const visit = (held: IommufdObject): void => {
		for (const one of holders.get(held) ?? []) {
			if (seen.has(one)) continue;
			seen.add(one);
			visit(one);
			// What goes with its holder needs no step.
			if (one.release === undefined) continue;
			if (one.release.verb === "destroy" && one.heldFrom !== undefined) steps.push(one.heldFrom);
			(one.goesEarly ? early : steps).push(one.release);
		}
	};
	visit(object);
	const direct = (holders.get(object) ?? []).map(String);
	if (object.heldFrom !== undefined) {
		direct.push(object.heldFrom.who);
		steps.push(object.heldFrom);
	}
	return direct.length > 0 ? `${listed(direct)}: ${inOrder([...early, ...steps])}` : "a call under way";
}

/** Who holds each object, by ID. */
function holdersIn({ objects }: IommufdContext): Map<IommufdObject, IommufdObject[]> {
	const holders = new Map<IommufdObject, IommufdObject[]>();
	for (const holder of [...objects].sort((a, b) => a.id - b.id)) {
		for (const held of new Set(holder.holds())) {
			const known = holders.get(held);
			if (known === undefined) holders.set(held, [holder]);
			else known.push(holder);
		}
	}
	return holders;
}

export function listed(names: readonly string[]): string {
	return names.length <= MOST ? names.join(", ") : `${names.slice(0, MOST).join(", ")} and ${names.length - MOST} more`;
}

function inOrder(steps: readonly Release[]): string {
	const words = steps.slice(0, MOST).map(({ verb, what }, i) => (steps[i - 1]?.verb === verb ? what : `${verb} ${what}`));
	const rest = steps.length - words.length;
	return `${words.join(", then ")}${rest > 0 ? `, and ${rest} more` : ""}`;
}
