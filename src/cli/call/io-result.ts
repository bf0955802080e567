/** Shows the answers of system calls other than ioctl. */
import { reasonOf, whyLines } from "../../kernel/why.js";
import type { Invocation } from "../frame/command.js";
import { exitCode, type Outcome } from "../frame/exit.js";
import { fieldOf } from "../frame/field.js";
import { asExpected } from "./perform.js";
import { errnoDocument, errnoText, jsonNumber } from "./show.js";

/** What a system call on a file, or on memory, answered. */
export interface IoResult {
	readonly command: string;
	/** `read`, `write`, `poll`, `mmap`... */
	readonly call: string;
	/** 0 or more, or -1 */
	readonly ret: number | bigint;
	readonly errno: number;
	/** what the errno means here, where it is known better than in general */
	readonly meaning?: string;
	/** why it is a failure all the same */
	readonly problem?: string;
	/** for people, one line; then more */
	readonly headline?: string;
	readonly lines?: readonly string[];
	/** for JSON */
	readonly json?: Readonly<Record<string, unknown>>;
	readonly value?: number | bigint;
	/** what --quiet prints instead of `value` */
	readonly fields?: Readonly<Record<string, number | bigint>>;
}

/** Shows how a system call other than ioctl went. */
export async function showIo(inv: Invocation, result: IoResult): Promise<Outcome> {
	const { io, common, context } = inv;
	const { command, call, ret, errno, meaning, problem, headline, lines = [], json, value, fields } = result;
	const good = problem === undefined && asExpected(inv, { errno, ret });
	const kept = errno === 0 ? value : undefined;
	const { kernel, which } = await context.handle();
	const why = errno === 0 ? undefined : reasonOf(kernel, call.toLowerCase().replaceAll("_", "-"), -errno);
	if (common.json) {
		const document = {
			schema: "iommuctl.io",
			version: 1,
			command,
			...(inv.place && { file: inv.place.file, line: inv.place.line, name: inv.place.name ?? null }),
			kernel: kernel.kind,
			kernelDetail: which,
			call,
			ok: good,
			ret: typeof ret === "bigint" ? `0x${ret.toString(16)}` : ret,
			errno: errnoDocument(call, errno, meaning),
			why: why ?? null,
			expected: common.expect ?? null,
			...(problem !== undefined && { problem }),
			id: typeof kept === "bigint" ? `0x${kept.toString(16)}` : (kept ?? null),
			fields: Object.fromEntries(Object.entries(fields ?? {}).map(([name, one]) => [name, jsonNumber(one)])),
			details: json ?? {},
		};
		io.stdout.write(`${JSON.stringify(document)}\n`);
	} else if (good && common.get !== undefined) {
		io.stdout.write(`${fieldOf({ exit: exitCode.done, errno, value: kept, fields: fields ?? {} }, common.get)}\n`);
	} else if (good && common.quiet) {
		if (kept !== undefined) io.stdout.write(`${typeof kept === "bigint" ? `0x${kept.toString(16)}` : kept}\n`);
	} else {
		const colours = good ? inv.out : inv.err;
		const mark = good ? colours.good("ok") : colours.bad("failed");
		const text =
			problem ??
			(errno === 0
				? good
					? (headline ?? `${call} ${ret}`)
					: `${call} succeeded, but ${common.expect} was expected`
				: `${call}${good ? " failed as expected" : ""}: ${errnoText(call, errno, meaning)}`);
		(good ? io.stdout : io.stderr).write(
			`${[`${mark}  ${text}`, ...(why ? whyLines(why, colours.note).map((line) => `    ${line}`) : []), ...lines.map((line) => `    ${line}`)].join("\n")}\n`,
		);
	}
	return { exit: good ? exitCode.done : exitCode.failed, errno, value: kept, fields };
}
