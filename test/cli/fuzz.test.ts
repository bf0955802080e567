/** Random command lines never end in an internal error. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { execute } from "../../src/cli/execute.js";
import { families } from "../../src/cli/families.js";
import type { CommandSpec } from "../../src/cli/frame/command.js";
import { commonOptions } from "../../src/cli/frame/common-options.js";
import { Context } from "../../src/cli/frame/context.js";
import { exitCode } from "../../src/cli/frame/exit.js";
import { BufferSink, type Io } from "../../src/cli/frame/io.js";

/** Objects whose commands are about a kernel and its memory: no files of this machine, no background. */
const objects = [
	"ioas",
	"option",
	"vfio",
	"hwpt",
	"fault",
	"viommu",
	"vdevice",
	"veventq",
	"hw-queue",
	"destroy",
	"raw",
	"struct",
	"mem",
	"file",
	"selftest",
	"kernel",
	"device",
];
const loaded = await Promise.all(
	families.filter(({ name }) => objects.includes(name)).map(async ({ name, load }) => ({ name, commands: (await load()).commands })),
);
const commands = loaded.flatMap(({ name, commands: list }) =>
	list.map((command) => ({ words: command.name === "" ? [name] : [name, command.name], command })),
);

/** Options that read or write files of this machine. */
const outside = /^--(from|file|data-file|out|kernel|machine|record|uapi|fd)$/;

const value = fc.oneof(
	fc.constantFrom(
		"0",
		"1",
		"2",
		"3",
		"4",
		"5",
		"6",
		"0x1000000",
		"4k",
		"64k",
		"2M",
		"1T",
		"-1",
		"0xffffffffffffffff",
		"1P",
		"READABLE",
		"SELFTEST",
		"a=1",
		"cookie=1,code=INVALID",
		"iotlb_id=9",
		"op=ATC_INV",
		"",
		"x",
		"0x1000-0x1fff",
		"ff00",
		"/dev/iommu",
	),
	fc.nat(9).map(String),
	fc.string({ maxLength: 6 }),
);

const optionNames = (command: CommandSpec): string[] =>
	[...(command.options?.() ?? []), ...commonOptions(command)]
		.map(({ flags }) => flags.split(/[ ,]/)[0])
		.filter((flag) => !outside.test(flag));

const line = fc.constantFrom(...commands).chain(({ words, command }) => {
	const names = optionNames(command);
	const option =
		names.length === 0 ? fc.constant<string[]>([]) : fc.tuple(fc.constantFrom(...names), value).map(([name, text]) => [name, text]);
	return fc
		.tuple(fc.array(value, { maxLength: 3 }), fc.array(option, { maxLength: 3 }))
		.map(([args, options]) => [...words, ...args, ...options.flat()]);
});

test("whatever is typed: an answer or one clear line, never a bug's exit code", { timeout: 60_000 }, async () => {
	await fc.assert(
		fc.asyncProperty(fc.array(line, { minLength: 1, maxLength: 30 }), async (lines) => {
			const context = new Context("sim");
			const setUp = [
				"ioas alloc",
				"selftest mock-domain 1",
				"hwpt alloc 3 1 --flags NEST_PARENT",
				"hwpt alloc 3 5 --selftest iotlb=1",
				"fault alloc",
				"viommu alloc 3 5 --type SELFTEST",
			];
			for (const words of [...setUp.map((one) => one.split(" ")), ...lines]) {
				const stdout = new BufferSink();
				const stderr = new BufferSink();
				const io: Io = { stdout, stderr, stdin: { readAll: async () => new Uint8Array() }, cwd: "/nowhere", env: {} };
				const { exit } = await execute(words, { io, context });
				expect(
					[exitCode.done, exitCode.failed, exitCode.usage, exitCode.environment],
					`${JSON.stringify(words)}\n${stderr.text()}`,
				).toContain(exit);
				if (exit === exitCode.usage) expect(stderr.text()).toMatch(/^(error: .*\n( {2}.*\n)?|Usage: [\s\S]*)$/);
			}
			context.dispose();
		}),
		{ numRuns: 60 },
	);
});
