/** `sim walk` and `hwpt walk`: a translation, drawn entry by entry. */
import { EFAULT, ENOENT } from "../../../kernel/errno.js";
import type { DrawnStep, DrawnWalk } from "../../../sim/index.js";
import { showIo } from "../../call/io-result.js";
import { parseNumber } from "../../call/natural.js";
import type { CommandSpec, Invocation, OptionSpec } from "../../frame/command.js";
import { done, type Outcome, UsageError } from "../../frame/exit.js";
import { hex, table } from "../../frame/text.js";
import { controlOf, deviceArg, iovaOf, pasidOf, printDocument } from "./control.js";

/** READ, WRITE, EXEC, PRIV, as the table walkers number them. */
const [READ, WRITE, EXEC, PRIV] = [1, 2, 4, 8];

interface Asked {
	readonly iova: bigint;
	readonly access: number;
	readonly pasid: number | undefined;
}

function asked(inv: Invocation): Asked {
	const { options } = inv;
	const iova = iovaOf(inv);
	if (options.exec === true && options.write === true) throw new UsageError("--exec is for reads: give it without --write");
	const access = (options.write === true ? WRITE : READ) | (options.exec === true ? EXEC : 0) | (options.priv === true ? PRIV : 0);
	const pasid = pasidOf(inv);
	return { iova, access, pasid };
}

async function walk(inv: Invocation): Promise<Outcome> {
	const it = asked(inv);
	const control = await controlOf(inv);
	const { walkDevice } = await import("../../../sim/index.js");
	const drawn = walkDevice(control, inv.args[0], it.iova, it.access, it.pasid);
	return show(inv, it, drawn, inv.args[0], { device: control.device(inv.args[0]).name, hwpt: null });
}

async function walkHwpt(inv: Invocation): Promise<Outcome> {
	const it = asked(inv);
	const id = Number(parseNumber(inv.args[0], "HWPT"));
	const control = await controlOf(inv);
	const { walkTable } = await import("../../../sim/index.js");
	const { kernel } = await inv.context.handle();
	const drawn = walkTable(control, kernel, await inv.context.iommu(), id, it.iova, it.access, it.pasid);
	if (typeof drawn === "string") return await showIo(inv, { command: "hwpt walk", call: "walk", ret: -1, errno: ENOENT, lines: [drawn] });
	return show(inv, it, drawn, `page table ${id}`, { device: null, hwpt: id });
}

/** The access in words: `privileged read for execution`. */
function accessWords(access: number): string {
	const what = (access & WRITE) !== 0 ? "write" : (access & EXEC) !== 0 ? "read for execution" : "read";
	return (access & PRIV) !== 0 ? `privileged ${what}` : what;
}

function show(inv: Invocation, it: Asked, drawn: DrawnWalk, who: string, subject: object): Outcome {
	const { end, steps } = drawn;
	const outcome: Outcome = {
		...done,
		errno: end.ok ? 0 : EFAULT,
		value: end.ok ? end.pa : undefined,
		fields: { ok: end.ok ? 1 : 0, steps: steps.length },
	};
	if (inv.common.json) {
		printDocument(inv, "iommuctl.sim.walk", { ...subject, ...json(it, drawn) });
		return outcome;
	}
	const { out } = inv;
	const pasid = it.pasid === undefined ? "" : `, PASID ${it.pasid}`;
	const lines = [`${out.name(who)}${pasid}, ${accessWords(it.access)} at ${hex(it.iova)}: ${drawn.tables}`];
	const beneath = steps.some(({ stage }) => stage !== 2) ? "stage 2" : "host";
	const rows = table(steps.map((step) => row(step, beneath))).map((line) => `  ${line.trimEnd()}`);
	if (!end.ok && rows.length > 0) rows.push(`${rows.pop()}   ${out.bad(`<-- ${end.fault}`)}`);
	lines.push(...rows);
	lines.push(end.ok ? `  ${out.good(`-> ${hex(end.pa)}`)}, ${end.length} bytes from there` : `  ${out.bad(end.why)}`);
	for (const { first, pa, stale } of cachedRows(it, drawn))
		lines.push(
			out.note(
				`  cached: the IOTLB has ${hex(first)} -> ${hex(pa)}${stale ? ", which the tables no longer say" : ""}; an access uses that`,
			),
		);
	inv.io.stdout.write(`${lines.join("\n")}\n`);
	return outcome;
}

/** `beneath`: what mappings of the host are called. */
function row({ stage, name, address, words, flags, next }: DrawnStep, beneath: string): string[] {
	const value = words.map((word) => hex(word)).join(" ");
	return [
		["", "stage 1", beneath][stage],
		stage === 2 ? "" : name,
		hex(address),
		stage === 2 ? "" : `= ${value}`,
		[...flags, ...(next === undefined ? [] : [`-> ${hex(next)}`])].join(" "),
	];
}

/** What an access would find in the IOTLB, and whether it goes elsewhere than the tables. */
function cachedRows({ iova }: Asked, { cached, end }: DrawnWalk) {
	return cached.flatMap(({ range, pa }) => {
		if (range === undefined || pa === undefined) return [];
		return [{ first: range.first, pa, stale: !end.ok || pa + (iova - range.first) !== end.pa }];
	});
}

function json(it: Asked, drawn: DrawnWalk): object {
	const { tables, steps, end } = drawn;
	return {
		iova: hex(it.iova),
		pasid: it.pasid ?? null,
		access: accessWords(it.access),
		tables,
		steps: steps.map(({ stage, name, address, words, flags, next }, i) => ({
			stage,
			name,
			address: hex(address),
			words: words.map((word) => hex(word)),
			flags,
			next: next === undefined ? null : hex(next),
			fault: !end.ok && i === steps.length - 1 ? end.fault : null,
		})),
		output: end.ok ? hex(end.pa) : null,
		length: end.ok ? hex(end.length) : null,
		fault: end.ok ? null : end.fault,
		why: end.ok ? null : end.why,
		cached: cachedRows(it, drawn).map(({ first, pa, stale }) => ({ first: hex(first), output: hex(pa), stale })),
	};
}

const options = (): readonly OptionSpec[] => [
	{ flags: "--iova <address>", doc: "the address that is translated" },
	{ flags: "--pasid <pasid>", doc: "of a request with this PASID" },
	{ flags: "--write", doc: "of a write (a read, if not given)" },
	{ flags: "--priv", doc: "of a privileged request" },
	{ flags: "--exec", doc: "of a read for execution" },
];

const details = [
	"Each structure and entry that the IOMMU reads on the way is shown with its address, its value and its flags; in between, what the host maps",
	"beneath (stage 2). Addresses of the guest's tables are guest-physical. Where the translation ends in a fault, the last line is marked with it:",
	"a fault reason (VT-d), an event (SMMUv3, AMD), a cause (RISC-V). The walk is that of the hardware, by the tables as they are now: nothing is cached, marked or",
	"reported by it. --expect EFAULT asks for a fault.",
].join("\n");

export const walkCommand: CommandSpec = {
	name: "walk",
	summary: "how an access of a device is translated: every entry through both stages, and where it fails",
	details,
	args: [deviceArg],
	options,
	groups: ["kernel", "expect"],
	examples: [
		["sim walk vfio3 --iova 0x1000", ""],
		["sim walk vfio3 --iova 0x1000 --pasid 5 --write", "a write with PASID 5"],
		["sim walk vfio3 --iova 0x2000 --expect EFAULT", "it must end in a fault"],
	],
	run: walk,
};

export const walkHwptCommand: CommandSpec = {
	name: "walk",
	summary: "how a page table translates an address: every entry through both stages, and where it fails",
	details: `${details}\nThe same as sim walk, for a page table whichever device uses it. Only the simulated kernel shows it.`,
	args: [{ name: "HWPT", value: { id: "hwpt_id" }, doc: "the page table's ID" }],
	options,
	groups: ["kernel", "fd", "expect"],
	examples: [["hwpt walk $nested --iova 0x1000", "in a script, after `nested = hwpt alloc ...`"]],
	run: walkHwpt,
};
