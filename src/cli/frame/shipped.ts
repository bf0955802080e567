/** Scripts that iommuctl comes with: `example:NAME` and `repro:NAME` name them from any folder. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { UsageError } from "./exit.js";
import { didYouMean } from "./suggest.js";

const folders = { example: "scripts/examples", repro: "scripts/repro" } as const;
const suffix = ".iommu";

export type ShippedKind = keyof typeof folders;

export const shippedKinds = Object.keys(folders) as readonly ShippedKind[];

export interface ShippedScript {
	readonly kind: ShippedKind;
	readonly name: string;
	/** absolute */
	readonly path: string;
	/** its subject: the first sentence of its first comment */
	readonly about: string;
}

/** The folder of the installed package: this code is somewhere below it, as a bundle or as sources. */
function packageFolder(): string {
	let folder = dirname(fileURLToPath(import.meta.url));
	while (!existsSync(join(folder, folders.example)) && dirname(folder) !== folder) folder = dirname(folder);
	return folder;
}

const named = (kind: ShippedKind): { readonly name: string; readonly path: string }[] => {
	const folder = join(packageFolder(), folders[kind]);
	if (!existsSync(folder)) return [];
	return readdirSync(folder)
		.filter((file) => file.endsWith(suffix))
		.sort()
		.map((file) => ({ name: file.slice(0, -suffix.length), path: join(folder, file) }));
};

/** All of them, in the order of their names. */
export const shippedScripts = (): ShippedScript[] =>
	shippedKinds.flatMap((kind) => named(kind).map(({ name, path }) => ({ kind, name, path, about: aboutOf(readFileSync(path, "utf8")) })));

/** The first sentence of a script's leading comment; of a reproducer's, whose name is the commit, without that. */
function aboutOf(text: string): string {
	const comment: string[] = [];
	for (const line of text.split("\n")) {
		if (!/^#\s*\S/.test(line)) break;
		comment.push(line.replace(/^#\s*/, ""));
	}
	const about = comment.join(" ").replace(/^[0-9a-f]{12}(?: \([^)]*\))?: /, "");
	const sentence = /^.*?\.(?= |$)|^.*/.exec(about)?.[0] ?? "";
	return sentence.slice(0, 1).toUpperCase() + sentence.slice(1);
}

/**
 * The path of `example:NAME` or `repro:NAME`; the beginning of a name is enough where only one has it.
 * @returns undefined if the text is not such a name @throws UsageError where no script, or more than one, is meant
 */
export function shippedPath(text: string): string | undefined {
	const kind = shippedKinds.find((one) => text.startsWith(`${one}:`));
	if (kind === undefined) return undefined;
	const wanted = text.slice(kind.length + 1).replace(/\.iommu$/, "");
	const all = named(kind);
	const exact = all.find(({ name }) => name === wanted);
	if (exact) return exact.path;
	const starting = wanted === "" ? [] : all.filter(({ name }) => name.startsWith(wanted));
	if (starting.length === 1) return starting[0].path;
	const names = (found: readonly { readonly name: string }[]): string[] => found.map(({ name }) => `${kind}:${name}`);
	if (starting.length > 1) throw new UsageError(`${text} is ambiguous`, `it may be ${names(starting).join(", ")}`);
	throw new UsageError(`${text}: there is no such script`, didYouMean(text, names(all)) ?? "iommuctl run --list shows all of them");
}
