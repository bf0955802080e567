/** What the commands that act on the simulated machine share. */
import { EnvironmentError } from "../../../kernel/environment-error.js";
import type { SimControl } from "../../../sim/index.js";
import { parseNumber } from "../../call/natural.js";
import { announce } from "../../frame/announce.js";
import type { Argument, Invocation } from "../../frame/command.js";
import { UsageError } from "../../frame/exit.js";

/** The control of the simulated machine that this command's kernel runs on. @throws EnvironmentError on a real kernel */
export async function controlOf(inv: Invocation): Promise<SimControl> {
	await announce(inv);
	const { sim } = await inv.context.handle();
	if (sim === undefined)
		throw new EnvironmentError(
			"this command acts on simulated hardware, but the kernel is real",
			"give --kernel sim (for a script, to `iommuctl run`)",
		);
	const { SimControl } = await import("../../../sim/index.js");
	return SimControl.of(sim);
}

/** As `controlOf`, for a command that changes the machine: a trace has no step for that, and stderr says so while recording. */
export async function changing(inv: Invocation): Promise<SimControl> {
	const control = await controlOf(inv);
	const { unrecorded } = await inv.context.handle();
	// A script says it once.
	if (unrecorded && !(inv.place && inv.context.toldUnrecorded)) {
		inv.context.toldUnrecorded = true;
		const what = `${inv.err.bad("not recorded:")} a trace has no step for what hardware does by itself`;
		inv.io.stderr.write(`${what}; its replay may differ from here on\n`);
	}
	return control;
}

/** Prints the document of a `sim` or `vsva` command that makes no call: schema and version, then its place in a script. */
export function printDocument(inv: Invocation, schema: string, body: object): void {
	const { place } = inv;
	const at = place && { file: place.file, line: place.line, name: place.name ?? null };
	inv.io.stdout.write(`${JSON.stringify({ schema, version: 1, ...at, ...body })}\n`);
}

/** The address given by --iova, which has 64 bits at most. */
export function iovaOf({ options }: Invocation): bigint {
	if (options.iova === undefined) throw new UsageError("the address is missing", "for example --iova 0x1000");
	return addressOf(options.iova as string, "--iova");
}

/** The PASID given by --pasid, if one is given. One that is too wide is for the machine to refuse, with an errno. */
export const pasidOf = (inv: Invocation): number | undefined => smallNumber(inv, "pasid", "--pasid", 0xffffffff);

/** A number of an option, if it is given: at least 0, and at most `most`. */
export function smallNumber({ options }: Invocation, option: string, where: string, most: number): number | undefined {
	if (options[option] === undefined) return undefined;
	const value = parseNumber(options[option] as string, where);
	if (value < 0n || value > BigInt(most)) throw new UsageError(`${where}: ${options[option]} is not between 0 and 0x${most.toString(16)}`);
	return Number(value);
}

/** An address of an option: 64 bits at most. */
export function addressOf(text: string, where: string): bigint {
	const address = parseNumber(text, where);
	if (address >> 64n !== 0n) throw new UsageError(`${where}: ${text} is not an address of 64 bits`);
	return address;
}

export const deviceArg: Argument = {
	name: "DEVICE",
	value: "device",
	doc: "a device of the machine: vfio0, 0000:00:10.0, or the path of its file",
};
