/** Where the simulated kernel notes which check a call did not pass. */
import type { Ret } from "../../kernel/kernel.js";
import type { Why } from "../../kernel/why.js";
import { type Check, fill, type Value, type Values } from "./check.js";

/** A check that failed, with its values. Its text is made when somebody asks. */
interface Failure {
	readonly check: Check;
	readonly values: readonly Value[];
	/** the failure that led to this one */
	readonly cause: Failure | undefined;
}

/** How many notes of one call are kept. */
const MOST_NOTES = 64;

/** The reasons of the call under way, or of the last one. A kernel makes one call at a time, so it has one of these. */
export class Reasons {
	#call = "";
	/** the check that failed last, with its values; in fields of their own, since most failures are never asked for */
	#check: Check | undefined;
	#values: readonly Value[] = [];
	#cause: Failure | undefined;
	#notes: Failure[] = [];
	/** the page that the call would wait for until it is served, an address */
	waits: bigint | undefined;
	/** called with every check that fails, also where the call then succeeds: for those who count them */
	onFailed: ((call: string, check: Check) => void) | undefined;

	/** A call starts, so what the last one left is gone. `call`: the name of an ioctl, or `read`, `mmap` and so on. */
	begin(call: string): void {
		this.#call = call;
		this.#check = undefined;
		this.waits = undefined;
		if (this.#notes.length > 0) this.#notes = [];
	}

	/** The call turns out to be this one. */
	within(call: string): void {
		this.#call = call;
	}

	/** A check fails. @returns minus its errno */
	fail<T extends string>(check: Check<T>, ...values: Values<T>): Ret {
		this.#check = check;
		this.#values = values;
		this.#cause = undefined;
		this.onFailed?.(callId(this.#call), check);
		return -check.errno;
	}

	/** The same where the answer is an address or an IOVA. */
	failBig<T extends string>(check: Check<T>, ...values: Values<T>): bigint {
		return BigInt(this.fail(check, ...values));
	}

	/** A check fails because of what failed last, with whose errno the call goes on. @returns `rc` */
	because<T extends string>(rc: Ret, check: Check<T>, ...values: Values<T>): Ret {
		this.#cause = this.#lastWith(rc);
		this.#check = check;
		this.#values = values;
		this.onFailed?.(callId(this.#call), check);
		return rc;
	}

	/** Something happened that no errno tells. */
	note<T extends string>(check: Check<T>, ...values: Values<T>): void {
		if (this.#notes.length < MOST_NOTES) this.#notes.push({ check, values, cause: undefined });
		this.onFailed?.(callId(this.#call), check);
	}

	/** The same with what failed last as its cause, whose errno was `rc`. */
	noteBecause<T extends string>(rc: Ret, check: Check<T>, ...values: Values<T>): void {
		if (this.#notes.length < MOST_NOTES) this.#notes.push({ check, values, cause: this.#lastWith(rc) });
		this.onFailed?.(callId(this.#call), check);
	}

	/** Why the last call answered minus this errno; undefined if no check with this errno failed. */
	why(ret: Ret | bigint): Why | undefined {
		const failure = this.#last;
		return failure !== undefined && errnoOf(failure) === -Number(ret) ? this.#explain(failure) : undefined;
	}

	get #last(): Failure | undefined {
		return this.#check && { check: this.#check, values: this.#values, cause: this.#cause };
	}

	/** The last failure if its check has this errno. */
	#lastWith(rc: Ret): Failure | undefined {
		return this.#check?.errno === -rc ? this.#last : undefined;
	}

	notes(): readonly Why[] {
		return this.#notes.map((note) => this.#explain(note));
	}

	#explain({ check, values, cause }: Failure): Why {
		return {
			check: `${callId(this.#call)}.${check.name}`,
			...fill(check, values),
			rule: check.rule,
			source: check.source,
			...(cause && { because: this.#explain(cause) }),
		};
	}
}

/** The errno of the check, or where the cause decides it, that of the cause. */
function errnoOf({ check, cause }: Failure): number {
	return cause === undefined ? check.errno : errnoOf(cause);
}

/** The name of a call as IDs of checks have it: `IOMMU_IOAS_MAP` is `ioas-map`, `VFIO_DEVICE_RESET` is `vfio-device-reset`. */
export function callId(call: string): string {
	return call
		.replace(/^IOMMU_/, "")
		.replaceAll("_", "-")
		.toLowerCase();
}
