/** What an entry of the file of known differences may name: with a mistake in it, it would fit nothing. */
import { everyCall, InputError } from "../../structs/index.js";
import { orNearest } from "../../structs/suggest.js";
import { errnoNames } from "../kernel/errno.js";
import { contract, ruleNames } from "../sim/index.js";
import type { Step } from "../trace/index.js";
import type { KnownDifference } from "./known-differences.js";
import { LEAKS } from "./signature.js";

/** What else differs than calls: steps, and what is there at the end. */
const STEPS = {
	open: true,
	close: true,
	memfd: true,
	eventfd: true,
	mmap: true,
	seal: true,
	truncate: true,
	userfaultfd: true,
	mprotect: true,
	madvise: true,
	mremap: true,
	munmap: true,
	poke: true,
	peek: true,
	ioctl: true,
	read: true,
	write: true,
	pread: true,
	pwrite: true,
	poll: true,
	dma: true,
	fork: true,
	exit: true,
	end: true,
} as const satisfies Record<Step["op"] | "end", true>;

export type CheckNames = (entry: KnownDifference, where: string) => void;

/** What refuses names that no finding has, with an InputError. */
export async function nameCheck(): Promise<CheckNames> {
	const contracts = await contract();
	const calls = new Set([...everyCall().map(({ name }) => name), ...contracts.map(({ call }) => call), ...Object.keys(STEPS)]);
	const checks = new Set(contracts.flatMap((of) => of.checks.map(({ check }) => check)));
	const [rules, leaks, errnos] = [ruleNames(), new Set<string>(LEAKS), new Set(errnoNames())];

	return ({ kind, call, left, right, check, rule }, where) => {
		const among = (member: string, name: string | undefined, known: ReadonlySet<string>, hint: string): void => {
			if (name === undefined || known.has(name)) return;
			const near = orNearest(name, known);
			throw new InputError(`${where}: ${member} ${JSON.stringify(name)} is not known${near}`, near === "" ? hint : undefined);
		};
		among("rule", rule, rules, "docs/releases.md names the rules");
		among("check", check, checks, "`iommuctl contract CALL` lists the checks of a call");
		if (kind === "leak") return among("call", call, leaks, `what leaks is called ${LEAKS.join(", ")}`);
		// A warning names a function of the kernel, and what its log calls it.
		if (kind === "warning") return;
		for (const [member, text] of [
			["left", left],
			["right", right],
		] as const)
			if (text !== undefined && /^E[A-Z\d]+$/.test(text)) among(member, text, errnos, "give an errno's name, or ok");
		if (call === undefined || /^0x[\da-f]+$/.test(call) || (kind === undefined && leaks.has(call))) return;
		among("call", call, calls, 'give a call such as IOMMU_IOAS_MAP; a function of the kernel goes with "kind": "warning"');
	};
}
