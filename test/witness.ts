/** Notes which checks of the contract the tests reach, in the folder that IOMMUCTL_WITNESSES names (`npm run contract`). */
import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll } from "vitest";
import { Reasons } from "../src/sim/why/reasons.js";

const folder = process.env.IOMMUCTL_WITNESSES ?? ".";
const reached = new Set<string>();
const { begin } = Reasons.prototype;
type OnFailed = NonNullable<Reasons["onFailed"]>;
const ours = new WeakSet<OnFailed>();
Reasons.prototype.begin = function (call) {
	const theirs = this.onFailed;
	if (theirs === undefined || !ours.has(theirs)) {
		// A test may listen too.
		const noting: OnFailed = (id, check) => {
			reached.add(`${check.errno === 0 ? "notes" : id}.${check.name}`);
			theirs?.(id, check);
		};
		ours.add(noting);
		this.onFailed = noting;
	}
	begin.call(this, call);
};
afterAll(() => writeFileSync(join(folder, `${randomUUID()}.json`), JSON.stringify([...reached])));
