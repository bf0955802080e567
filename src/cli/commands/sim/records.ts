/** `sim records`, `sim hold` and `sim release`: what IOMMUs report to their driver, as raw words and in words. */
import type { QueueView, RegisterView, SimControl } from "../../../sim/index.js";
import { showIo } from "../../call/io-result.js";
import type { CommandSpec, Invocation } from "../../frame/command.js";
import { done, type Outcome, UsageError } from "../../frame/exit.js";
import { hex, plural, table } from "../../frame/text.js";
import { changing, controlOf, printDocument } from "./control.js";

/** The IOMMUs asked about that keep records: one by its name, or all. */
function asked(control: SimControl, name: string | undefined) {
	const all = name === undefined ? (control.sim.hardware?.iommus ?? []) : [control.iommu(name)];
	const found = all.flatMap((iommu) => {
		const { log } = iommu.driver;
		return log === undefined ? [] : [{ iommu: iommu.name, kind: iommu.description.kind, log }];
	});
	if (found.length === 0) throw new UsageError("this machine has no IOMMU whose records are simulated", "machine list shows machines");
	return found;
}

async function records(inv: Invocation): Promise<Outcome> {
	const control = await controlOf(inv);
	const logs = asked(control, inv.args[0]).map(({ iommu, kind, log }) => ({
		iommu,
		kind,
		held: log.held,
		registers: log.registers(),
		queues: log.queues(),
	}));
	const count = logs.reduce((sum, { queues }) => sum + queues.reduce((all, queue) => all + queue.records.length, 0), 0);
	if (inv.common.json) printDocument(inv, "iommuctl.sim.records", { iommus: logs.map(json) });
	else
		for (const log of logs)
			inv.io.stdout.write(`${[...head(inv, log), ...log.queues.flatMap((queue) => queueLines(inv, queue))].join("\n")}\n`);
	return { ...done, fields: { records: count } };
}

function head(inv: Invocation, log: { iommu: string; kind: string; held: boolean; registers: readonly RegisterView[] }): string[] {
	const rows = log.registers.map(({ name, offset, value, fields, lastRead }) => [
		`  ${name}`,
		hex(offset),
		hex(value),
		set(fields),
		lastRead === undefined || lastRead.value === value ? "" : `last read ${hex(lastRead.value)} ${set(lastRead.fields)}`,
	]);
	const held = log.held ? inv.out.note("  held: the driver does not read") : "";
	return [`${inv.out.strong(log.iommu)} (${log.kind})${held}`, ...table(rows).map((line) => line.trimEnd())];
}

const set = (fields: Readonly<Record<string, bigint>>): string =>
	Object.entries(fields)
		.flatMap(([name, value]) => (value === 0n ? [] : [value === 1n ? name : `${name}=${hex(value)}`]))
		.join(" ");

function queueLines({ out }: Invocation, { name, capacity, unread, lost, records }: QueueView): string[] {
	const parts = [
		`room for ${capacity.toLocaleString("en-US")}`,
		...(unread > 0 ? [`${unread} unread`] : []),
		...(lost > 0 ? [`${lost} lost`] : []),
	];
	const rows = records.map(({ index, words, text, read }) => [
		`    ${index}`,
		words.map((word) => `0x${word.toString(16).padStart(16, "0")}`).join(" "),
		`${text}${read ? "" : " (unread)"}`,
	]);
	return [`  ${out.name(name)}: ${records.length === 0 ? "empty" : plural(records.length, "record")}, ${parts.join(", ")}`, ...table(rows)];
}

function json({ registers, queues, ...log }: { registers: readonly RegisterView[]; queues: readonly QueueView[] }): object {
	const values = (fields: Readonly<Record<string, bigint>>) =>
		Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, hex(value)]));
	return {
		...log,
		registers: registers.map(({ name, offset, value, fields, lastRead }) => ({
			name,
			offset: hex(offset),
			value: hex(value),
			fields: values(fields),
			lastRead: lastRead === undefined ? null : { value: hex(lastRead.value), fields: values(lastRead.fields) },
		})),
		queues: queues.map(({ records: list, ...queue }) => ({
			...queue,
			records: list.map(({ words, fields, ...record }) => ({ ...record, words: words.map((word) => hex(word)), fields: values(fields) })),
		})),
	};
}

async function hold(inv: Invocation): Promise<Outcome> {
	(await changing(inv)).hold(inv.args[0]);
	return await said(inv, "sim hold", `the driver of ${inv.args[0]} does not read faults and page requests any more`);
}

async function release(inv: Invocation): Promise<Outcome> {
	(await changing(inv)).release(inv.args[0]);
	return await said(inv, "sim release", `the driver of ${inv.args[0]} has read what was there, and reads on`);
}

async function said(inv: Invocation, command: string, headline: string): Promise<Outcome> {
	return await showIo(inv, { command, call: command.slice(4), ret: 0, errno: 0, headline, json: { iommu: inv.args[0] } });
}

const iommuArg = { name: "IOMMU", doc: "by its name in the machine" };

export const recordCommands: readonly CommandSpec[] = [
	{
		name: "records",
		summary: "what IOMMUs reported to their driver: raw records and registers, and both in words",
		details: [
			"VT-d: fault recording registers, page request descriptors, invalidation errors, with FSTS, IQERCD (ITESID, ICESID), PQH, PQT and PRS.",
			"SMMUv3: EVENTQ and PRIQ records with PROD, CONS, GERROR and CMDQ_CONS. AMD: event and PPR log with head, tail and status.",
			"RISC-V: fault queue and page request queue with head, tail, fqcsr, pqcsr and ipsr.",
			"The driver reads a record as it comes, so registers show what they hold now and what the driver found last. sim hold keeps it from reading.",
		].join("\n"),
		args: [{ ...iommuArg, doc: "only this one, by its name in the machine", optional: true }],
		groups: ["kernel"],
		examples: [["sim records dmar0", "after some faults, in a script"]],
		run: records,
	},
	{
		name: "hold",
		summary: "keep an IOMMU's driver from reading faults and page requests, as a busy CPU does",
		details:
			"Records stay where the hardware put them. When there is no room left, the hardware says so (PFO, PRO, OVFLG, EventOverflow) and loses more.",
		args: [iommuArg],
		groups: ["kernel"],
		examples: [["sim hold dmar0", ""]],
		run: hold,
	},
	{
		name: "release",
		summary: "let the driver read what is there, and from now on at once",
		args: [iommuArg],
		groups: ["kernel"],
		examples: [["sim release dmar0", ""]],
		run: release,
	},
];
