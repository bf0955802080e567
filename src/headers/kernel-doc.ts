/** Reads kernel-doc comments: what a struct or enum is, and each of its members. */

export interface KernelDoc {
	/** what it says it is about: `struct iommu_destroy` without the first word; VFIO's say the call */
	readonly name: string;
	/** the text behind the name */
	readonly brief: string;
	/** by the member's name as written; a nested one's may be a path */
	readonly members: ReadonlyMap<string, string>;
	/** the paragraphs after the members */
	readonly body: readonly string[];
	/** the whole text, for what is named in it */
	readonly text: string;
}

/** The lines of a comment without its frame. */
export function commentLines(comment: string): string[] {
	return comment
		.replace(/^\/\*+<?|\*+\/$|^\/\/+/g, "")
		.split("\n")
		.map((line) => line.replace(/^\s*\*(?!\/) ?/, "").trimEnd());
}

/** A comment as one line. */
export const commentText = (comment: string): string => oneLine(commentLines(comment).join(" "));

const oneLine = (text: string): string => text.replace(/\s+/g, " ").trim();

/** Reads a kernel-doc comment, or one that looks like it; the brief may be missing (a diff's begins anywhere). */
export function kernelDoc(comment: string): KernelDoc {
	const members = new Map<string, string>();
	const paragraphs: string[] = [];
	let name = "";
	let brief = "";
	/** where the next line of a text goes */
	let into: (line: string) => void = (line) => paragraphs.push(line);
	let started = false;
	for (const line of commentLines(comment)) {
		const text = line.trim();
		const member = /^@([\w.]+|\.\.\.)\s*:\s*(.*)$/.exec(text);
		const head = started ? undefined : /^(?:(?:struct|union|enum)\s+)?(\w+)\s*(?:\(\))?\s*[-:]\s+(.*)$/.exec(text);
		if (member) {
			members.set(member[1], member[2]);
			into = (more) => members.set(member[1], oneLine(`${members.get(member[1])} ${more}`));
		} else if (head) {
			[, name, brief] = head;
			into = (more) => {
				brief = oneLine(`${brief} ${more}`);
			};
		} else if (text === "") {
			into = (first) => {
				paragraphs.push(first);
				into = (more) => paragraphs.push(oneLine(`${paragraphs.pop()} ${more}`));
			};
		} else into(text);
		started ||= text !== "";
	}
	return { name, brief, members, body: paragraphs.map(oneLine).filter(Boolean), text: oneLine(commentLines(comment).join(" ")) };
}

/** The first sentence of a text. */
export const firstSentence = (text: string): string => /^.*?[.:](?=\s|$)/.exec(text)?.[0].replace(/[.:]$/, "") ?? text;
