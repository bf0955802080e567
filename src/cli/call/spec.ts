/** What a command says about the call that it makes. */
import type { FieldInfo, Ioctl, IommuCall } from "../../../structs/index.js";
import type { Answer } from "../../client/call.js";
import type { Ret } from "../../kernel/kernel.js";
import type { Argument, Invocation, OptionSpec } from "../frame/command.js";
import type { Draft } from "./draft.js";

/** A field of the struct that is given by position. */
export interface PositionalField extends Argument {
	/** its path in the struct */
	readonly field: string;
}

/** What a command shows beside the answer's own fields. */
export interface Details {
	/** for people */
	readonly lines?: readonly string[];
	/** for JSON, under `details` */
	readonly json?: Readonly<Record<string, unknown>>;
	/** the new ID, where the call does not answer it */
	readonly value?: number;
	/** further fields that a script may use: `$name.field` */
	readonly fields?: Readonly<Record<string, number | bigint>>;
}

/** A call that was made (several where a long array went in pieces: the last one made). */
export interface Made<P = unknown> {
	/** what `prepare` answered */
	readonly prepared: P;
	readonly inv: Invocation;
	readonly draft: Draft;
	readonly answer: Answer;
	/** all of them, in order */
	readonly answers: readonly Answer[];
	readonly fd: number;
}

/** A command that is one ioctl with one struct. */
export interface CallSpec<P = unknown> {
	readonly name: string;
	readonly summary: string;
	readonly details?: string;
	readonly examples: readonly (readonly [command: string, doc: string])[];
	/** by name, or its row where the call is a header's */
	readonly ioctl: IommuCall | Ioctl;
	/** the member of a union that this command is about: the fields of other members are not options of it */
	readonly member?: string;
	readonly positional?: readonly PositionalField[];
	/** option names where the field's own would be taken or unclear; by path */
	readonly rename?: Readonly<Record<string, string>>;
	/** fields that make the command what it is; `--set` still changes them */
	readonly fixed?: Readonly<Record<string, bigint>>;
	readonly extra?: () => readonly OptionSpec[];
	/** arguments that are not fields */
	readonly args?: readonly Argument[];
	/** fields that follow from what was given; what it answers is there for `after` */
	prepare?(draft: Draft): P | Promise<P>;
	/** the file to call on; without: the open /dev/iommu */
	target?(inv: Invocation): Promise<Ret>;
	/** path of the field with the command's value, `ret` for the call's own; without: what the call makes first, as its row says */
	readonly newId?: string;
	after?(made: Made<P>): Details | undefined | Promise<Details | undefined>;
}

/** Gives the type of what `prepare` returns and `after` uses, for a spec in a list of specs. */
export const callSpec = <P>(spec: CallSpec<P>): CallSpec<P> => spec;

/** A field with the option that sets it. */
export interface FieldOption {
	readonly field: FieldInfo;
	/** without dashes */
	readonly option: string;
}

export interface CallShape {
	readonly ioctl: Ioctl;
	/** fields of this command, in the struct's order */
	readonly fields: readonly FieldOption[];
}
