/** Commands whose ioctl takes a plain number, or nothing. */
import type { Ioctl, IommuCall } from "../../../structs/index.js";
import type { Answer } from "../../client/call.js";
import type { Ret } from "../../kernel/kernel.js";
import { announce } from "../frame/announce.js";
import type { Argument, CommandSpec, Invocation, OptionSpec } from "../frame/command.js";
import { done, exitCode, type Outcome, UsageError } from "../frame/exit.js";
import { didYouMean } from "../frame/suggest.js";
import { parseNumber } from "./natural.js";
import { asExpected } from "./perform.js";
import { callOf } from "./shape.js";
import { answerDocument, showAnswer } from "./show.js";

export interface ValueArgument extends Argument {
	readonly names: ReadonlyMap<string, bigint>;
}

/** A command that is an ioctl whose argument is a plain number, or none. */
export interface ValueSpec {
	readonly name: string;
	readonly summary: string;
	readonly ioctl: IommuCall | Ioctl;
	readonly details?: string;
	readonly value?: ValueArgument;
	/** options of its own */
	readonly extra?: () => readonly OptionSpec[];
	/** the file to call on; without: the open /dev/iommu */
	target?(inv: Invocation): Promise<Ret>;
	readonly examples: CommandSpec["examples"];
}

function readValue({ value: argument }: ValueSpec, { args }: Invocation): bigint {
	if (!argument || (argument.optional && args[0] === undefined)) return 0n;
	const named = argument.names.get(args[0].toUpperCase());
	if (named !== undefined) return named;
	if (/^[A-Za-z_]/.test(args[0]))
		throw new UsageError(`${argument.name}: "${args[0]}" is not known`, didYouMean(args[0], argument.names.keys()) ?? argument.doc);
	return parseNumber(args[0], argument.name);
}

async function perform(command: string, spec: ValueSpec, inv: Invocation): Promise<Outcome> {
	const ioctl = callOf(spec.ioctl);
	const arg = readValue(spec, inv);
	if (inv.common.dryRun) {
		const document = {
			schema: "iommuctl.dry-run",
			version: 1,
			command,
			ioctl: ioctl.name,
			request: `0x${ioctl.request.toString(16)}`,
			struct: null,
			value: `0x${arg.toString(16)}`,
		};
		inv.io.stdout.write(
			inv.common.json ? `${JSON.stringify(document)}\n` : `${ioctl.name} (${document.request}), value ${document.value}, not sent\n`,
		);
		return done;
	}
	await announce(inv);
	const kernel = await inv.context.kernel();
	const fd = spec.target ? await spec.target(inv) : await inv.context.iommu();
	const ret = fd < 0 ? fd : kernel.ioctl(fd, ioctl.request, arg);
	const none = new Uint8Array();
	const answer: Answer = { ioctl, ret: ret < 0 ? -1 : ret, errno: ret < 0 ? -ret : 0, before: none, after: none, decoded: {} };
	const value = ret < 0 ? undefined : ret;
	const good = asExpected(inv, answer);
	const shown = {
		inv,
		command,
		title: ioctl.name,
		shape: { ioctl, fields: [] },
		answer,
		details: { json: { value: `0x${arg.toString(16)}` } },
		notes: [],
		value,
		good,
	};
	if (inv.common.json) inv.io.stdout.write(`${JSON.stringify(await answerDocument(shown))}\n`);
	else showAnswer({ ...shown, details: undefined });
	return { exit: good ? exitCode.done : exitCode.failed, errno: answer.errno, value };
}

export function valueCommand(object: string, spec: ValueSpec): CommandSpec {
	return {
		name: spec.name,
		summary: spec.summary,
		details: spec.details,
		args: spec.value ? [spec.value] : [],
		options: spec.extra,
		groups: ["kernel", "fd", "expect", "quiet", "dry"],
		examples: spec.examples,
		run: (inv) => perform(`${object} ${spec.name}`, spec, inv),
	};
}
