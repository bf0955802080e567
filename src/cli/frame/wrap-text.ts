/** Narrower than this a column is left to the terminal: a word a line reads worse. */
const least = 20;

/**
 * Breaks a text at spaces into lines of at most `width` characters; a word that is longer stays whole. Without a width
 * (no terminal), or with one too small to help, it is one line.
 */
export function wrapText(text: string, width: number | undefined): string[] {
	if (width === undefined || width < least || text.length <= width) return [text];
	const lines: string[] = [];
	let line = "";
	for (const word of text.split(" ")) {
		if (line !== "" && line.length + 1 + word.length > width) {
			lines.push(line);
			line = word;
		} else line = line === "" ? word : `${line} ${word}`;
	}
	return [...lines, line];
}
