/** `check`: a comparison of two numbers, for scripts. */
import { parseNumber } from "../../call/natural.js";
import type { Family, Invocation } from "../../frame/command.js";
import { done, exitCode, type Outcome, UsageError } from "../../frame/exit.js";

const operators: Readonly<Record<string, (a: bigint, b: bigint) => boolean>> = {
	"==": (a, b) => a === b,
	"!=": (a, b) => a !== b,
	"<": (a, b) => a < b,
	"<=": (a, b) => a <= b,
	">": (a, b) => a > b,
	">=": (a, b) => a >= b,
};

async function run({ args, common, io, out, err }: Invocation): Promise<Outcome> {
	const [left, operator, right] = args;
	if (!Object.hasOwn(operators, operator))
		throw new UsageError(`check: "${operator}" is not a comparison`, Object.keys(operators).join(" "));
	const [a, b] = [parseNumber(left, "check"), parseNumber(right, "check")];
	const holds = operators[operator](a, b);
	const hex = (n: bigint): string => `0x${BigInt.asUintN(64, n).toString(16)}`;
	if (common.json)
		io.stdout.write(`${JSON.stringify({ schema: "iommuctl.check", version: 1, left: hex(a), operator, right: hex(b), ok: holds })}\n`);
	else if (!holds) io.stderr.write(`${err.bad("failed")}  ${left} ${operator} ${right} does not hold\n`);
	else if (!common.quiet) io.stdout.write(`${out.good("ok")}  ${left} ${operator} ${right}\n`);
	return { ...done, exit: holds ? exitCode.done : exitCode.failed };
}

const family: Family = {
	name: "check",
	commands: [
		{
			name: "",
			summary: "compare two numbers, for scripts: exit 1 if the comparison does not hold",
			args: [
				{ name: "A", doc: "a number: 4096, 0x1000, 4k; in a script usually $name or $name.field" },
				{ name: "OP", doc: "== != < <= > >=" },
				{ name: "B", doc: "another number" },
			],
			groups: ["quiet"],
			examples: [["check $unmapped.length == 4k", "in a script, after `unmapped = ioas unmap ...`"]],
			run,
		},
	],
};
export default family;
