/** Differences that are known already, as a file names them: they are counted, and not reported again. */
import { InputError } from "../../structs/index.js";
import { nameCheck } from "./known-names.js";
import type { Signature } from "./signature.js";

/** An entry of the file; a member that is missing fits whatever a finding has there. */
export interface KnownDifference extends Partial<Signature> {
	/** why it is as it is: the kernel's fault, with a script or a commit */
	readonly why: string;
}

const SCHEMA = "iommuctl.fuzz-known";
const MEMBERS = new Set(["kind", "call", "left", "right", "check", "rule", "fields", "why"]);
const KINDS = new Set<Signature["kind"]>(["answer", "warning", "leak"]);

/** @throws InputError for text that is not such a file */
export async function parseKnown(text: string, file: string): Promise<KnownDifference[]> {
	let document: { schema?: unknown; version?: unknown; known?: unknown };
	try {
		document = JSON.parse(text);
	} catch (error) {
		throw new InputError(`${file} is not JSON: ${(error as Error).message}`);
	}
	if (document?.schema !== SCHEMA || document.version !== 1)
		throw new InputError(`${file} does not name known differences: it begins with {"schema": "${SCHEMA}", "version": 1, "known": [`);
	if (!Array.isArray(document.known)) throw new InputError(`${file}: "known" is not a list`);
	const checkNames = await nameCheck();
	for (const [at, entry] of document.known.entries()) {
		const where = `${file}: entry ${at + 1}`;
		if (typeof entry !== "object" || entry === null || Array.isArray(entry)) throw new InputError(`${where} is not an object`);
		const strange = Object.keys(entry).find((name) => !MEMBERS.has(name));
		if (strange !== undefined)
			throw new InputError(`${where} has a member ${JSON.stringify(strange)}; members are ${[...MEMBERS].join(", ")}`);
		if (typeof entry.why !== "string" || entry.why === "") throw new InputError(`${where} does not say why`);
		for (const name of ["kind", "call", "left", "right", "check", "rule"])
			if (entry[name] !== undefined && typeof entry[name] !== "string") throw new InputError(`${where}: ${name} is not text`);
		if (entry.kind !== undefined && !KINDS.has(entry.kind))
			throw new InputError(`${where}: kind is ${JSON.stringify(entry.kind)}; kinds are ${[...KINDS].join(", ")}`);
		if (entry.fields !== undefined && !(Array.isArray(entry.fields) && entry.fields.every((one: unknown) => typeof one === "string")))
			throw new InputError(`${where}: fields is not a list of names`);
		if (Object.keys(entry).length === 1) throw new InputError(`${where} fits every finding: name at least the call`);
		checkNames(entry, where);
	}
	return document.known;
}

/** The entry that a finding fits. One with a release's rule fits whatever the rule changes. */
export function knownAs(known: readonly KnownDifference[], found: Signature): KnownDifference | undefined {
	return known.find((entry) => (entry.rule === undefined ? fits(entry, found) : entry.rule === found.rule));
}

const TEXTS = ["kind", "call", "left", "right", "check"] as const;

function fits(entry: KnownDifference, found: Signature): boolean {
	if (entry.fields !== undefined && entry.fields.join() !== (found.fields ?? []).join()) return false;
	return TEXTS.every((name) => entry[name] === undefined || entry[name] === found[name]);
}
