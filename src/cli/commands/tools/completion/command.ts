/** `completion`: the shells' scripts, and the answers that they ask for. */
import type { CommandSpec, Family, Invocation } from "../../../frame/command.js";
import { done, type Outcome } from "../../../frame/exit.js";
import { uapiFileWords } from "../../../frame/uapi-choice.js";
import type { Shell } from "./shells.js";

/** One line: descriptions are shown beside the words. */
const oneLine = (text: string): string => text.replace(/\s+/g, " ").trim();

const script = (shell: Shell, example: string): CommandSpec => ({
	name: shell,
	summary: `print the completion script for ${shell}`,
	examples: [[`completion ${shell}`, example]],
	async run({ io }): Promise<Outcome> {
		const { shellScripts } = await import("./shells.js");
		io.stdout.write(shellScripts[shell]);
		return done;
	},
});

async function run({ args, commandLine, context, io }: Invocation): Promise<Outcome> {
	const { answer } = await import("./answer.js");
	// A session has its headers; elsewhere those of the line count.
	const files = context.live === undefined ? uapiFileWords(args.slice(0, -1)) : [];
	if (files.length > 0) {
		const { useUapiFiles } = await import("../../../frame/uapi-files.js");
		useUapiFiles({ files, quiet: true }, io, () => {});
	}
	const found = await answer(commandLine.families, args.length === 0 ? [""] : args, context);
	const lines = found.candidates.map(({ value, doc }) => `${value}\t${oneLine(doc ?? "")}`);
	io.stdout.write(`${[...lines, `:${(found.files ? 1 : 0) | (found.open ? 2 : 0)}`].join("\n")}\n`);
	return done;
}

const family: Family = {
	name: "completion",
	details: "Objects, actions, options, constants, struct fields, machines, files; in a session also the IDs of its objects.",
	commands: [
		script("bash", 'eval "$(iommuctl completion bash)" in ~/.bashrc'),
		script("zsh", 'eval "$(iommuctl completion zsh)" in ~/.zshrc, after compinit'),
		script("fish", "iommuctl completion fish | source in ~/.config/fish/config.fish"),
		{
			name: "answer",
			summary: "list what may stand at the cursor, for the shells' scripts",
			details: "A line for each candidate: value, tab, description. The last line is `:` and a number: 1, files too; 2, no space after it.",
			args: [{ name: "WORD", doc: "the command line after `--`, the last word as far as it is typed", optional: true, variadic: true }],
			examples: [["completion answer -- ioas ma", ""]],
			run,
		},
	],
};
export default family;
