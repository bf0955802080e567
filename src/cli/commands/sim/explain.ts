/** `sim explain-fault`: which device caused a fault. */
import { ENODEV, ENOTUNIQ } from "../../../kernel/errno.js";
import { parseNumber } from "../../call/natural.js";
import type { CommandSpec, Invocation } from "../../frame/command.js";
import { exitCode, type Outcome, UsageError } from "../../frame/exit.js";
import { hex } from "../../frame/text.js";
import { controlOf, pasidOf, printDocument } from "./control.js";

async function explain(inv: Invocation): Promise<Outcome> {
	const { args, options, out, common, io } = inv;
	const { explainFault, formatRid, parseBdf, ridOf, segmentOf } = await import("../../../sim/index.js");
	const bdf = parseBdf(args[0]);
	if (bdf === undefined && !/^(0x[0-9a-f]{1,4}|\d{1,5})$/i.test(args[0]))
		throw new UsageError(
			`"${args[0]}" is not a requester ID`,
			"give it as 00:12.0, 0001:00:12.0 (with the PCI segment), or a number such as 0x90",
		);
	const rid = bdf === undefined ? Number(args[0]) : ridOf(bdf);
	const segment =
		options.segment === undefined ? (bdf === undefined ? 0 : segmentOf(bdf)) : Number(parseNumber(options.segment as string, "--segment"));
	const pasid = pasidOf(inv);
	const control = await controlOf(inv);
	const told = explainFault(control.sim, segment, rid, pasid);
	if (common.json)
		printDocument(inv, "iommuctl.sim.explain-fault", {
			segment,
			requesterId: formatRid(rid),
			pasid: pasid ?? null,
			attributed: told.attributed,
			owners: told.owners.map((owner) => ({
				...owner,
				node: owner.node ?? null,
				bound: owner.bound ?? null,
				vdevice: owner.vdevice ? { ...owner.vdevice, virtId: hex(owner.vdevice.virtId) } : null,
				hwpt: owner.hwpt ?? null,
				guestTable: owner.guestTable ?? null,
				faultQueue: owner.faultQueue ?? null,
			})),
			why: told.why,
		});
	else {
		const lines = told.owners.map((owner) => {
			const { name, node, group, kind, bound, vdevice, hwpt, guestTable, faultQueue, eventQueues } = owner;
			return [
				`${out.name(node ?? name)}${node === undefined ? "" : ` (${name})`}${kind === "siov" ? ", one PASID of its parent" : ""}, group ${group}`,
				bound === undefined ? "not bound to any context" : `device ${bound.deviceId} of context ${bound.context}`,
				...(vdevice ? [`virtual device ${vdevice.id}: ${hex(vdevice.virtId)} in virtual IOMMU ${vdevice.viommu}`] : []),
				...(guestTable === undefined ? [] : [`the guest's PASID table ${guestTable}`]),
				...(hwpt === undefined ? [] : [guestTable === undefined ? `page table ${hwpt}` : `on page table ${hwpt}`]),
				...(faultQueue === undefined ? [] : [`page requests go to fault queue ${faultQueue}`]),
				...eventQueues.map(({ type, id }) => `events of type ${type} go to event queue ${id}`),
			].join("; ");
		});
		const verdict = told.attributed ? out.good("attributed") : out.bad("not attributed");
		const text = [
			`${verdict}  requester ${formatRid(rid)}${pasid === undefined ? "" : `, PASID ${hex(pasid)}`}`,
			...lines.map((line) => `    ${line}`),
			...told.why.map((line) => `    ${line}`),
		];
		io.stdout.write(`${text.join("\n")}\n`);
	}
	const [only] = told.owners;
	return {
		exit: told.attributed ? exitCode.done : exitCode.failed,
		errno: told.attributed ? 0 : told.owners.length === 0 ? ENODEV : ENOTUNIQ,
		value: told.attributed ? only.bound?.deviceId : undefined,
		fields: told.attributed ? { context: only.bound?.context ?? 0, queue: only.faultQueue ?? 0, vdevice: only.vdevice?.id ?? 0 } : {},
	};
}

export const explainCommands: readonly CommandSpec[] = [
	{
		name: "explain-fault",
		summary: "which device caused a fault, by requester ID and PASID, and where its report goes",
		details: [
			"Attributes a fault as the first /dev/iommu proposal (2021) asks: to the device, its virtual device, its context and queue. If",
			"that cannot be decided, it shows why and fails: ENODEV if no device sends the ID, ENOTUNIQ if several do (behind a PCIe-to-PCI",
			"bridge requester IDs are not the devices' own). Virtual devices that own the very same PASIDs look alike: the first one gets the",
			"report, and its answer serves both. Mediated devices backed by software never fault through the IOMMU.",
		].join("\n"),
		args: [{ name: "RID", doc: "00:12.0, 0001:00:12.0, or a number" }],
		options: () => [
			{ flags: "--pasid <pasid>", doc: "the PASID that the transaction carried" },
			{ flags: "--segment <n>", doc: "PCI segment (0)" },
		],
		groups: ["kernel"],
		examples: [
			["sim explain-fault 00:12.0 --pasid 0x40", "a virtual device of vfio3's function"],
			["sim explain-fault 03:00.0", "a bridge's ID: the devices behind it"],
		],
		run: explain,
	},
];
