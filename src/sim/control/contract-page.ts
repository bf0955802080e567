/** Writes the contract as a page of the documentation, and sums up what is witnessed. */
import { errnoName } from "../../kernel/errno.js";
import { vendors } from "../vendors/registry.js";
import { type ContractCheck, contracts } from "./contracts.js";

export interface ContractShare {
	/** Markdown */
	readonly page: string;
	/** number of different checks; one that several calls share counts once */
	readonly checks: number;
	readonly witnessed: number;
	/** IDs of those that neither a recorded answer nor a test reaches */
	readonly unwitnessed: readonly string[];
}

const HEAD = `# The contract

What every call checks, in the order in which the kernel does. The page is written by \`npm run contract\` from the checks that the simulated
kernel fails by; \`iommuctl contract CALL\` shows the same. The last column counts the answers of real kernels (test/fixtures/golden) that are
known to be for a check; *test*: no recorded answer shows it, but a test reaches it; *none*: neither does. A check of hardware stands where the
kernel asks its driver.
`;

/** The whole contract as a page, and how much of it is witnessed. */
export function contractShare(): ContractShare {
	const all = contracts(vendors);
	const lines = [HEAD];
	for (const { call, id, checks } of all) {
		lines.push(`## ${call}\n`, "| check | errno | what must hold | source | witnesses |", "| --- | --- | --- | --- | --- |");
		for (const check of checks) lines.push(row(check, id));
		lines.push("");
	}
	// A check that several calls share is one check: what one call witnesses holds for all.
	const groups = new Map<string, { ids: string[]; witnessed: boolean }>();
	for (const { id, checks } of all)
		for (const check of checks) {
			const key = `${check.source}\n${check.check.slice(id.length)}\n${check.text}`;
			const group = groups.get(key) ?? { ids: [], witnessed: false };
			group.ids.push(check.check);
			group.witnessed ||= check.answers > 0 || check.tested;
			groups.set(key, group);
		}
	const unwitnessed = [...groups.values()].filter(({ witnessed }) => !witnessed).map(({ ids }) => ids[0]);
	return { page: lines.join("\n"), checks: groups.size, witnessed: groups.size - unwitnessed.length, unwitnessed };
}

function row({ check, errno, rule, since, source, vendor, answers, tested }: ContractCheck, id: string): string {
	const from = [vendor, since && `since Linux ${since}`, source].filter(Boolean).join("; ");
	const name = errno === 0 ? "" : errnoName(errno);
	const cells = [`\`${check.slice(id.length + 1)}\``, name, rule, from, answers > 0 ? `${answers}` : tested ? "test" : "none"];
	return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}
