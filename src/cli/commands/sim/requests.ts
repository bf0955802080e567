/** `sim page-request`, `sim page-response` and `sim requests`. */
import { iommu_page_response_type, page_response_msg, toJson } from "../../../../structs/index.js";
import { EBUSY, EINVAL, EOPNOTSUPP } from "../../../kernel/errno.js";
import { encodeEntry } from "../../call/entries/encode.js";
import { showIo } from "../../call/io-result.js";
import type { CommandSpec, Invocation } from "../../frame/command.js";
import { done, type Outcome, UsageError } from "../../frame/exit.js";
import { hex, plural, table } from "../../frame/text.js";
import { addressOf, changing, controlOf, deviceArg, pasidOf, printDocument, smallNumber } from "./control.js";

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
	const addresses = ((options.addr as string[] | undefined) ?? []).map((text) => addressOf(text, "--addr"));
	if (addresses.length === 0) throw new UsageError("the page is missing", "for example --addr 0x1000; repeat it for a group");
	const perm = permOf((options.perm as string | undefined) ?? "READ");
	const pasid = pasidOf(inv);
	const privateData = smallNumber(inv, "privateData", "--private-data", 0xffffffff);
	const control = await changing(inv);
	const device = control.device(args[0]);
	control.checkPasid(device, pasid, args[0]);
	const requests = control.requests(device);
	const { pri } = requests;
	const given = smallNumber(inv, "group", "--group", 0x1ff);
	const pages = addresses.map((addr) => ({ addr, perm }));
	const shared = given === undefined && options.incomplete !== true ? requests.sharedGroup(pages, pasid) : undefined;
	const group = given ?? shared ?? requests.freeGroup();
	const { aliasOf } = await import("../../../sim/index.js");
	const alias = control.sim.hardware && aliasOf(control.sim.hardware, device);
	const refuse = (): { readonly errno: number; readonly why: string } | undefined => {
		if (pri.capacity === 0) return { errno: EOPNOTSUPP, why: `${device.name} has no PRI capability` };
		if (alias !== undefined) return { errno: EOPNOTSUPP, why: `${alias}; page requests are refused there` };
		if (requests.stopped) return { errno: EBUSY, why: "a failure response has stopped its page requests" };
		if (shared !== undefined) return undefined;
		if (group === undefined) return { errno: EBUSY, why: "every group number is in use" };
		if (requests.inUse(group, pasid)) return { errno: EBUSY, why: `group ${group} is in use` };
		if (requests.room(addresses.length)) return undefined;
		const whose = pri.owner === device ? "" : ` through the page request interface of ${pri.owner.name}`;
		return {
			errno: EBUSY,
			why: `${pri.outstanding} of ${pri.capacity} requests are outstanding${whose}: it may not send ${addresses.length} more`,
		};
	};
	const refusal = refuse();
	let sent: "waits" | "refused" | "partial" | "lost" = "refused";
	if (refusal === undefined && group !== undefined)
		sent = shared === undefined ? requests.send(pages, pasid, group, options.incomplete !== true, privateData) : "waits";
	const fate = {
		waits: "waits for a response",
		refused: "was answered INVALID at once: no fault queue takes it, or the IOMMU does not let the device ask",
		partial: "is not complete yet",
		lost: "found no room in the IOMMU's queue and is lost: its last request is answered SUCCESS by the IOMMU itself",
	}[sent];
	return await showIo(inv, {
		command: "sim page-request",
		call: "page request",
		ret: refusal === undefined ? pages.length : -1,
		errno: refusal?.errno ?? 0,
		headline:
			shared === undefined
				? `group ${group} of ${plural(pages.length, "request")} ${fate}`
				: `not sent again: group ${shared}, of a device that looks the same, already asks for it, and its answer serves both`,
		lines: refusal === undefined ? [] : [refusal.why],
		json: {
			device: device.name,
			group: group ?? null,
			pasid: pasid ?? null,
			addresses: addresses.map((addr) => hex(addr & ~0xfffn)),
			shared: shared !== undefined,
			state: refusal === undefined ? sent : "not-sent",
			why: refusal?.why ?? null,
			outstanding: pri.outstanding,
			capacity: pri.capacity,
		},
		value: group,
		fields: { outstanding: pri.outstanding },
	});
}

async function list(inv: Invocation): Promise<Outcome> {
	const control = await controlOf(inv);
	const able = [...control.requesting].filter(({ pri }) => pri.capacity > 0);
	const rows = able.map((requests) => {
		const { device, counts, outstanding, stopped, pri } = requests;
		const pending = [...device.requests.pending].map(({ requests: group }) => ({
			group: group[0].group,
			pasid: group[0].pasid ?? null,
			addresses: group.map(({ addr }) => hex(addr)),
		}));
		return { device: device.name, interface: pri.owner.name, capacity: pri.capacity, outstanding, stopped, pending, ...counts };
	});
	const interfaces = [...control.requestInterfaces]
		.filter(({ capacity }) => capacity > 0)
		.map(({ owner, capacity, outstanding, status, statusWords }) => ({
			device: owner.name,
			capacity,
			outstanding,
			status: hex(status),
			statusWords,
		}));
	const transfers = [...control.transfers.all.values()].filter(({ state }) => state === "waiting" || state === "held");
	if (inv.common.json) {
		printDocument(inv, "iommuctl.sim.requests", {
			devices: rows,
			interfaces,
			transfers: transfers.map(({ id, device, state, group }) => ({ id, device: device.name, state, group: group ?? null })),
		});
		return done;
	}
	const lines = rows.flatMap((row) => [
		`${inv.out.name(row.device)}  ${row.outstanding} of ${row.capacity} outstanding; ${row.sent} sent, ${row.success} SUCCESS, ${row.invalid} INVALID, ${row.overCapacity} over capacity, ${plural(row.refusedResponses, "response")} refused${row.failure > 0 ? `, ${row.failure} FAILURE` : ""}${row.ignored > 0 ? `, ${row.ignored} ignored` : ""}${row.stopped ? "; stopped" : ""}`,
		...table(
			row.pending.map(({ group, pasid, addresses }) => [
				`  group ${group}`,
				pasid === null ? "no PASID" : `PASID ${pasid}`,
				addresses.join(" "),
			]),
		),
	]);
	// worth a line only if it says more than the device's own
	for (const { device, capacity, outstanding, status, statusWords } of interfaces)
		if (statusWords.length > 0 || rows.filter((row) => row.interface === device).length > 1)
			lines.push(
				`page request interface of ${device}: ${outstanding} of ${capacity} outstanding; status ${status}${statusWords.length > 0 ? ` (${statusWords.join(", ")})` : ""}`,
			);
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
	const decoded = page_response_msg.decode(bytes);
	// a response of which nothing else is said answers the group
	const typed = args.slice(1).some((text) => /(^|,)\s*type=/.test(text));
	const message = typed ? decoded : { ...decoded, type: iommu_page_response_type.IOMMU_PAGE_GROUP_RESP };
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
			"answered INVALID. A function's PRI capability allows so many requests to be outstanding, its virtual functions' and its virtual",
			"devices' included: more fail with EBUSY, as does a group number that is in use. Requests carry bits 63:12 of an address.",
		].join("\n"),
		args: [deviceArg],
		options: () => [
			{ flags: "--addr <address>", doc: "a page; repeat it for more pages of the group", repeat: true },
			{ flags: "--perm <names>", value: { names: Object.keys(permissions), several: true }, doc: "READ, WRITE, EXEC, PRIV (READ)" },
			{ flags: "--pasid <pasid>", doc: "the request carries this PASID" },
			{ flags: "--group <n>", doc: "the group's number, nine bits (the lowest that is free)" },
			{ flags: "--private-data <n>", doc: "sent along; a stream response must give it back (page-response)" },
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
			"A stream response (type=STREAM_RESP) must also have the request's address and private data; without a type it answers the group.",
			"FAILURE disables the page request interface until the device is reset (VFIO_DEVICE_RESET) or bound again.",
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
