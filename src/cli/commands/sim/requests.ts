/** `sim page-request`, `sim page-response` and `sim requests`. */
import { page_response_msg, toJson } from "../../../../structs/index.js";
import { EBUSY, EINVAL, EOPNOTSUPP } from "../../../kernel/errno.js";
import { encodeEntry } from "../../call/entries/encode.js";
import { showIo } from "../../call/io-result.js";
import { parseNumber } from "../../call/natural.js";
import type { CommandSpec, Invocation } from "../../frame/command.js";
import { done, type Outcome, UsageError } from "../../frame/exit.js";
import { hex, plural, table } from "../../frame/text.js";
import { changing, controlOf, deviceArg, printDocument } from "./control.js";

/** READ, WRITE, EXEC, PRIV of a request, as the table walkers number them. */
const permissions: Readonly<Record<string, number>> = { READ: 1, WRITE: 2, EXEC: 4, PRIV: 8 };

function permOf(text: string): number {
	return text.split(/[,|]/).reduce((bits, name) => {
		const bit = permissions[name.trim().toUpperCase()];
		if (bit === undefined)
			throw new UsageError(`--perm: "${name}" is not a permission`, `the permissions are ${Object.keys(permissions).join(", ")}`);
		return bits | bit;
	}, 0);
}

async function request(inv: Invocation): Promise<Outcome> {
	const { args, options } = inv;
	const addresses = ((options.addr as string[] | undefined) ?? []).map((text) => parseNumber(text, "--addr"));
	if (addresses.length === 0) throw new UsageError("the page is missing", "for example --addr 0x1000; repeat it for a group");
	const perm = permOf((options.perm as string | undefined) ?? "READ");
	const pasid = options.pasid === undefined ? undefined : Number(parseNumber(options.pasid as string, "--pasid"));
	const control = await changing(inv);
	const device = control.device(args[0]);
	if (pasid !== undefined && device.part !== undefined)
		throw new UsageError(`${device.name} is one PASID of its parent, and cannot send another`);
	const requests = control.requests(device);
	const group = options.group === undefined ? requests.freeGroup() : Number(parseNumber(options.group as string, "--group"));
	if (group > 0x1ff) throw new UsageError(`--group: ${group} has more than nine bits`);
	const { aliasOf } = await import("../../../sim/index.js");
	const alias = control.sim.hardware && aliasOf(control.sim.hardware, device);
	const refusal =
		device.pci.pri === 0
			? { errno: EOPNOTSUPP, why: `${device.name} has no PRI capability` }
			: alias !== undefined
				? { errno: EOPNOTSUPP, why: `${alias}; page requests are refused there` }
				: pasid !== undefined && pasid >= 2 ** device.maxPasidLog2
					? { errno: EINVAL, why: `${device.name} sends PASIDs of at most ${device.maxPasidLog2} bits` }
					: requests.stopped
						? { errno: EBUSY, why: "a failure response has stopped its page requests" }
						: !requests.room(addresses.length)
							? {
									errno: EBUSY,
									why: `${requests.outstanding} of ${device.pci.pri} requests are outstanding: it may not send ${addresses.length} more`,
								}
							: undefined;
	const pages = addresses.map((addr) => ({ addr, perm }));
	const sent = refusal === undefined ? requests.send(pages, pasid, group, options.incomplete !== true) : "refused";
	const fate = {
		waits: "waits for a response",
		refused: "was answered INVALID at once: no fault queue takes it",
		partial: "is not complete yet",
	}[sent];
	return await showIo(inv, {
		command: "sim page-request",
		call: "page request",
		ret: refusal === undefined ? pages.length : -1,
		errno: refusal?.errno ?? 0,
		headline: `group ${group} of ${plural(pages.length, "request")} ${fate}`,
		lines: refusal === undefined ? [] : [refusal.why],
		json: {
			device: device.name,
			group,
			pasid: pasid ?? null,
			addresses: addresses.map(hex),
			state: refusal === undefined ? sent : "not-sent",
			why: refusal?.why ?? null,
			outstanding: requests.outstanding,
			capacity: device.pci.pri,
		},
		value: group,
		fields: { outstanding: requests.outstanding },
	});
}

async function list(inv: Invocation): Promise<Outcome> {
	const control = await controlOf(inv);
	const able = [...control.requesting].filter(({ device }) => device.pci.pri > 0);
	const rows = able.map((requests) => {
		const { device, counts, outstanding, stopped } = requests;
		const pending = [...device.requests.pending].map(({ requests: group }) => ({
			group: group[0].group,
			pasid: group[0].pasid ?? null,
			addresses: group.map(({ addr }) => hex(addr)),
		}));
		return { device: device.name, capacity: device.pci.pri, outstanding, stopped, pending, ...counts };
	});
	const transfers = [...control.transfers.all.values()].filter(({ state }) => state === "waiting" || state === "held");
	if (inv.common.json) {
		printDocument(inv, "iommuctl.sim.requests", {
			devices: rows,
			transfers: transfers.map(({ id, device, state, group }) => ({ id, device: device.name, state, group: group ?? null })),
		});
		return done;
	}
	const lines = rows.flatMap((row) => [
		`${inv.out.name(row.device)}  ${row.outstanding} of ${row.capacity} outstanding; ${row.sent} sent, ${row.success} SUCCESS, ${row.invalid} INVALID, ${row.overCapacity} over capacity, ${plural(row.refusedResponses, "response")} refused${row.stopped ? "; stopped" : ""}`,
		...table(
			row.pending.map(({ group, pasid, addresses }) => [
				`  group ${group}`,
				pasid === null ? "no PASID" : `PASID ${pasid}`,
				addresses.join(" "),
			]),
		),
	]);
	for (const { id, device, state, group } of transfers)
		lines.push(
			`transfer ${id} of ${device.name} ${state === "waiting" ? `waits for group ${group}` : "waits until it may send a page request"}`,
		);
	inv.io.stdout.write(lines.length > 0 ? `${lines.join("\n")}\n` : "no device has made page requests\n");
	return done;
}

async function respond(inv: Invocation): Promise<Outcome> {
	const { args } = inv;
	const bytes = encodeEntry(
		{ name: "page-response", type: 0, struct: page_response_msg, example: "" },
		args.slice(1).join(","),
		"page_response_msg",
	);
	const control = await changing(inv);
	const device = control.device(args[0]);
	const { respond2017 } = await import("../../../sim/index.js");
	const message = page_response_msg.decode(bytes);
	const result = respond2017(control, device, message);
	const { counts } = control.requests(device);
	return await showIo(inv, {
		command: "sim page-response",
		call: "page response",
		ret: result.taken ? 0 : -1,
		errno: result.taken ? 0 : EINVAL,
		headline: result.taken ? `group ${message.page_req_group_id} of ${device.name} answered` : undefined,
		lines: result.taken ? [] : [`${result.why}; ${plural(counts.refusedResponses, "refusal")} so far`],
		json: { device: device.name, message: toJson(page_response_msg, message), ...result, refused: counts.refusedResponses },
		fields: { refused: counts.refusedResponses },
	});
}

export const requestCommands: readonly CommandSpec[] = [
	{
		name: "page-request",
		summary: "a device requests pages (PCI PRI), one or a group",
		details: [
			"The request goes to the fault queue of the page table that the device, or the PASID, is attached to; without one it is",
			"answered INVALID. A device cannot have more requests outstanding than its PRI capability allows: more fail with EBUSY.",
		].join("\n"),
		args: [deviceArg],
		options: () => [
			{ flags: "--addr <address>", doc: "a page; repeat it for more pages of the group", repeat: true },
			{ flags: "--perm <names>", value: { names: Object.keys(permissions), several: true }, doc: "READ, WRITE, EXEC, PRIV (READ)" },
			{ flags: "--pasid <pasid>", doc: "the request carries this PASID" },
			{ flags: "--group <n>", doc: "the group's number, nine bits (the lowest that is free)" },
			{ flags: "--incomplete", doc: "more of the group will follow: it is reported when its last request comes" },
		],
		groups: ["kernel", "expect", "quiet"],
		examples: [
			["sim page-request vfio3 --addr 0x1000 --perm READ,WRITE", ""],
			["sim page-request vfio3 --addr 0x1000 --addr 0x2000 --pasid 5", "a group of two"],
		],
		run: request,
	},
	{
		name: "page-response",
		summary: "answer a page request as proposed in 2017: through the device's own file",
		details: [
			"The response is a struct page_response_msg. Its requester ID is that of the device whose file it is written to, so only a",
			"request that is pending for this very device can be answered; anything else fails with EINVAL and is counted (sim requests).",
		].join("\n"),
		args: [deviceArg, { name: "FIELDS", doc: "resp_code=SUCCESS page_req_group_id=3 pasid_present=1 pasid=5", variadic: true }],
		groups: ["kernel", "expect", "quiet"],
		examples: [["sim page-response vfio3 resp_code=SUCCESS page_req_group_id=0", ""]],
		run: respond,
	},
	{
		name: "requests",
		summary: "page requests of every device: outstanding, answered, refused; and the DMA that waits",
		groups: ["kernel"],
		examples: [["sim requests", ""]],
		run: list,
	},
];
