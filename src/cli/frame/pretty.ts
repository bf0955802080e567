/** `--pretty`: JSON documents, each written as a line, are indented on their way out. */
import type { Sink } from "./io.js";

/** Indents every line that is a JSON object or array; whatever else is written stays as it is. */
export function prettySink(sink: Sink): Sink & { end(): void } {
	let rest = "";
	const indented = (line: string): string => {
		if (!/^[[{].*[\]}]$/.test(line)) return line;
		try {
			return JSON.stringify(JSON.parse(line), null, 2);
		} catch {
			return line;
		}
	};
	return {
		isTTY: sink.isTTY,
		columns: sink.columns,
		write(text) {
			if (typeof text !== "string") return sink.write(text);
			const lines = (rest + text).split("\n");
			rest = lines.pop() ?? "";
			if (lines.length > 0) sink.write(lines.map((line) => `${indented(line)}\n`).join(""));
		},
		end() {
			if (rest !== "") sink.write(indented(rest));
			rest = "";
		},
	};
}
