/** Makes the call of a command, from typed words to the shown answer. */
import type { FieldInfo, StructType } from "../../../structs/index.js";
import { type Answer, callWithBytes } from "../../client/call.js";
import { readLeaf } from "../../client/leaves.js";
import { DryScratch } from "../../client/memory.js";
import { reasonOf, type Why } from "../../kernel/why.js";
import { announce } from "../frame/announce.js";
import type { Invocation } from "../frame/command.js";
import { done, exitCode, type Outcome, UsageError } from "../frame/exit.js";
import { isExpected, type Went } from "../frame/expectation.js";
import { fieldOf } from "../frame/field.js";
import { didYouMean } from "../frame/suggest.js";
import { hex, hexBytes, hexDump } from "../frame/text.js";
import { devicePath } from "./device-path.js";
import { Draft } from "./draft.js";
import { madeField } from "./made.js";
import { kindOf, parseField, parseHexBytes } from "./natural.js";
import { reasonsFor } from "./reasons.js";
import { leavesOf, shapeOf, sizeAlias } from "./shape.js";
import { answerDocument, fieldLines, fieldsDocument, type Shown, showAnswer } from "./show.js";
import type { CallShape, CallSpec, Made } from "./spec.js";

const camel = (option: string): string => option.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

/** Takes the fields from arguments and options. @throws UsageError, InputError */
function takeFields(spec: CallSpec, shape: CallShape, draft: Draft): void {
	const { inv } = draft;
	for (const [path, value] of Object.entries(spec.fixed ?? {})) draft.fill(path, value);
	const skip = spec.args?.length ?? 0;
	for (const [at, positional] of (spec.positional ?? []).entries()) {
		const text = inv.args[skip + at];
		const own = shape.fields.find(({ field }) => field.path === positional.field);
		if (!own) continue;
		if (text !== undefined)
			draft.give(positional.field, boundDevice(inv, positional.field, text) ?? parseField(own.field, text, positional.name));
	}
	for (const { field, option } of shape.fields) {
		const text = (inv.options[camel(option)] ?? (option === "argsz" && sizeAlias(shape) ? inv.options.size : undefined)) as
			| string
			| undefined;
		if (text === undefined) continue;
		if (draft.given(field.path)) throw new UsageError(`--${option} is given already, by position`);
		draft.give(field.path, parseField(field, text, `--${option}`));
	}
	for (const text of (inv.options.set as string[] | undefined) ?? []) force(draft, text);
	if (inv.options.tail !== undefined) draft.setTail(parseHexBytes(inv.options.tail as string, "--tail"));
	for (const { field, name, optional } of spec.positional ?? []) {
		if (optional !== true && !draft.given(field)) {
			const option = shape.fields.find((one) => one.field.path === field)?.option;
			throw new UsageError(`${name} is missing`, `give it by position or as --${option}`);
		}
	}
}

/** A device that was bound here may be named by its file (`vfio0`) where its ID is wanted. */
function boundDevice({ context }: Invocation, field: string, text: string): bigint | undefined {
	if (field !== "dev_id" || /^[-\d]/.test(text)) return undefined;
	const id = context.deviceIds.get(devicePath(text));
	if (id === undefined)
		throw new UsageError(`DEVICE: no device ${text} is bound here`, "give its ID, or bind it in the same script: device bind vfio0");
	return BigInt(id);
}

function force(draft: Draft, text: string): void {
	const at = text.indexOf("=");
	if (at < 1) throw new UsageError(`--set ${text}: expected a field and a value`, "for example --set flags=0x80000000");
	const field = findField(draft.struct, text.slice(0, at));
	draft.force(field, parseField(field, text.slice(at + 1), `--set ${field.path}`, true));
}

/** A field by its path, or by its name alone where only one has it. @throws UsageError */
export function findField(struct: StructType, name: string, member?: string): FieldInfo {
	const wanted = name.replaceAll("-", "_").replace(/^(out_)?virq_/, "$1veventq_");
	const leaves = leavesOf(struct, member);
	const exact = leaves.find(({ path }) => path === wanted);
	if (exact) return exact;
	const named = leaves.filter((leaf) => leaf.name === wanted);
	if (named.length === 1) return named[0];
	if (named.length > 1)
		throw new UsageError(`"${name}" is a field of several members`, `say which: ${named.map(({ path }) => path).join(", ")}`);
	const paths = leaves.map(({ path }) => path);
	throw new UsageError(`struct ${struct.name} has no field "${name}"`, didYouMean(wanted, paths) ?? `its fields are ${paths.join(", ")}`);
}

/** Makes the call that a command stands for, shows the answer, and says how it went. */
export async function performCall<P>(command: string, spec: CallSpec<P>, inv: Invocation): Promise<Outcome> {
	const shape = shapeOf(spec);
	const struct = shape.ioctl.struct as StructType;
	const scratch = inv.common.dryRun ? undefined : await inv.context.scratch();
	const draft = new Draft(struct, inv, scratch ?? new DryScratch());
	try {
		takeFields(spec, shape, draft);
		const prepared = (await spec.prepare?.(draft)) as P;
		if (!scratch) return await showDryRun(command, shape, draft);
		await announce(inv);
		return await make(command, spec, shape, draft, prepared);
	} finally {
		scratch?.reset();
	}
}

async function make<P>(command: string, spec: CallSpec<P>, shape: CallShape, draft: Draft, prepared: P): Promise<Outcome> {
	const { inv } = draft;
	const kernel = await inv.context.kernel();
	const fd = spec.target ? await spec.target(inv) : await inv.context.iommu();
	const answers: Answer[] = [];
	for (const round of [undefined, ...draft.rounds]) {
		const answer =
			fd < 0
				? notOpened(shape, draft.bytes(round), -fd, reasonOf(kernel, "open", fd))
				: callWithBytes<Record<string, unknown>>(kernel, fd, shape.ioctl, draft.bytes(round));
		answers.push(answer);
		if (answer.errno !== 0) break;
	}
	const answer = answers[answers.length - 1];
	await draft.settle(answer.errno !== 0);
	if (fd < 0) draft.notes.push("the device's file could not be opened, so the call was not made");
	const made: Made<P> = { inv, draft, answer, answers, fd, prepared };
	const details = fd < 0 ? undefined : await spec.after?.(made);
	const value = answer.errno === 0 ? (details?.value ?? newId(spec, shape, answer, inv.common.json) ?? positive(answer)) : undefined;
	const reasons = await reasonsFor(inv, answer);
	draft.notes.push(...reasons.notes);
	const shown: Shown = {
		inv,
		command,
		title: title(spec, shape),
		meaning: reasons.meaning,
		shape,
		answer,
		call: fd < 0 ? "open" : undefined,
		details,
		notes: draft.notes,
		value,
		good: asExpected(inv, answer),
	};
	const outcome: Outcome = {
		exit: shown.good ? exitCode.done : exitCode.failed,
		errno: answer.errno,
		value,
		fields: { ...answerFields(shape, answer), ...details?.fields },
	};
	if (inv.common.json) inv.io.stdout.write(`${JSON.stringify(await answerDocument(shown))}\n`);
	else if (shown.good && inv.common.get !== undefined) inv.io.stdout.write(`${fieldOf(outcome, inv.common.get)}\n`);
	else showAnswer(shown);
	return outcome;
}

/** Whether a call went as the user said it would. */
export function asExpected({ common }: Invocation, went: Went): boolean {
	return isExpected(common.expect, went);
}

/** A file that the call needs could not be opened: that errno is the answer. */
function notOpened(shape: CallShape, before: Uint8Array, errno: number, why: Why | undefined): Answer {
	return { ioctl: shape.ioctl, ret: -1, errno, before, after: before, why, decoded: {} };
}

function title(spec: CallSpec, shape: CallShape): string {
	return spec.ioctl === "IOMMU_TEST_CMD" ? `${shape.ioctl.name} ${spec.name.toUpperCase().replaceAll("-", "_")}` : shape.ioctl.name;
}

/** @param json the base depends on the field's size, as everywhere in JSON; else on what kind of number it is */
function newId(spec: CallSpec, shape: CallShape, answer: Answer, json: boolean): number | bigint | undefined {
	const path = spec.newId ?? madeField(shape.ioctl, spec.fixed?.op === undefined ? undefined : Number(spec.fixed.op));
	if (path === undefined) return undefined;
	if (path === "ret") return answer.ret;
	const own = shape.fields.find(({ field }) => field.path === path);
	if (!own) return undefined;
	const value = readLeaf(answer.after, own.field);
	return json ? (own.field.size <= 4 ? Number(value) : value) : kindOf(own.field, value);
}

/** A value that is an answer: most calls return 0 and answer in their struct. */
const positive = ({ ret }: Answer): number | undefined => (ret > 0 ? ret : undefined);

function answerFields(shape: CallShape, { after, ret }: Answer): Record<string, number | bigint> {
	const fields = Object.fromEntries(
		shape.fields.filter(({ field }) => field.length === undefined).map(({ field }) => [field.name, kindOf(field, readLeaf(after, field))]),
	);
	return "ret" in fields ? fields : { ...fields, ret };
}

/** Bytes of a piece of memory that a dry run prints for people. */
const mostDumped = 256;

async function showDryRun(command: string, shape: CallShape, draft: Draft): Promise<Outcome> {
	const { inv } = draft;
	const { io, common, out } = inv;
	const bytes = draft.bytes();
	const memory = draft.placer instanceof DryScratch ? draft.placer.placed : [];
	if (common.json) {
		const document = {
			schema: "iommuctl.dry-run",
			version: 1,
			command,
			ioctl: shape.ioctl.name,
			request: `0x${shape.ioctl.request.toString(16)}`,
			struct: shape.ioctl.struct?.name ?? null,
			sent: fieldsDocument(shape, bytes),
			bytes: hexBytes(bytes),
			memory: memory.map((piece) => ({ address: hex(piece.addr), bytes: hexBytes(piece.bytes) })),
			calls: 1 + draft.rounds.length,
			notes: draft.notes,
		};
		io.stdout.write(`${JSON.stringify(document)}\n`);
		return done;
	}
	const fields = fieldLines(
		shape.fields.map(({ field }) => field),
		bytes,
		out,
	);
	const lines = [
		`${out.strong(shape.ioctl.name)} (0x${shape.ioctl.request.toString(16)}), struct ${shape.ioctl.struct?.name}, ${bytes.length} bytes, not sent`,
		...fields.map((line) => `  ${line}`),
		...hexDump(bytes).map((line) => `  ${line}`),
		...memory.flatMap((piece) => [
			`  at ${hex(piece.addr)}:`,
			...hexDump(piece.bytes.subarray(0, mostDumped)).map((line) => `    ${line}`),
			...(piece.bytes.length > mostDumped ? [`    and ${piece.bytes.length - mostDumped} bytes more`] : []),
		]),
		...(draft.rounds.length > 0 ? [`  and ${draft.rounds.length} more of it, with the rest of the array`] : []),
	];
	io.stdout.write(`${lines.join("\n")}\n`);
	return done;
}
