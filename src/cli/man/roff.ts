/** Text as troff with the man macros takes it. */

/** Everything that troff would read as its own: backslashes, and dots and quotes at a line's start. */
export function escaped(text: string): string {
	return text
		.replaceAll("\\", "\\e")
		.replaceAll("-", "\\-")
		.replaceAll("^", "\\(ha")
		.replaceAll("~", "\\(ti")
		.replaceAll("`", "\\(ga")
		.replace(/^(?=[.'])/gm, "\\&");
}

/** An argument of a macro, in quotes. */
const argument = (text: string): string => `"${escaped(text).replaceAll('"', "\\(dq").replaceAll("\n", " ")}"`;

export const section = (title: string): string => `.SH ${argument(title.toUpperCase())}`;
export const subsection = (title: string): string => `.SS ${argument(title)}`;

/** A paragraph, its lines filled. */
export const paragraph = (text: string): string => `.PP\n${escaped(text.trim())}`;

/** Lines that stay as they are. */
export const verbatim = (text: string): string => `.PP\n.nf\n${escaped(text.replace(/\n$/, ""))}\n.fi`;

/** A term in bold, and what it is, indented. */
export const item = (term: string, text: string): string => `.TP\n.B ${argument(term)}\n${escaped(text.trim()) || "\\&"}`;

/**
 * Prose with indented parts: those stay as they are, the rest is filled. An empty line ends a paragraph.
 */
export function prose(text: string): string {
	const parts: string[] = [];
	let lines: string[] = [];
	let kept = false;
	const end = () => {
		if (lines.length > 0) parts.push(kept ? verbatim(lines.join("\n")) : paragraph(lines.join("\n")));
		lines = [];
	};
	for (const line of text.split("\n")) {
		const keep = line.startsWith("  ");
		if (line.trim() === "" || keep !== kept) end();
		kept = keep;
		if (line.trim() !== "") lines.push(line);
	}
	end();
	return parts.join("\n");
}
