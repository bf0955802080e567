/** `sim event`, `sim fail` and `sim failures`: faults of devices, and invalidations that fail. */
import { SMMU_EVENT_LAYOUTS } from "../../../formats/smmuv3/events.js";
import type { SimControl } from "../../../sim/index.js";
import { splitPairs } from "../../call/entries/encode.js";
import { showIo } from "../../call/io-result.js";
import { parseNumber } from "../../call/natural.js";
import type { CommandSpec, Invocation } from "../../frame/command.js";
import { done, type Outcome, UsageError } from "../../frame/exit.js";
import { hex, hexBytes, plural } from "../../frame/text.js";
import { changing, controlOf, deviceArg, pasidOf, printDocument } from "./control.js";

async function event(inv: Invocation): Promise<Outcome> {
	const { args } = inv;
	const control = await changing(inv);
	const device = control.device(args[0]);
	const fields = Object.fromEntries(
		splitPairs(args.slice(2).join(","), args[1]).map(([name, value]) => [name.toLowerCase(), parseNumber(value, name)]),
	);
	const pasid = pasidOf(inv);
	const raised = control.raise(device, { what: args[1], fields, pasid });
	const { record, fate } = raised;
	const virtId = "virtId" in raised ? raised.virtId : undefined;
	const group = "group" in raised ? raised.group : undefined;
	return await showIo(inv, {
		command: "sim event",
		call: "event",
		ret: 0,
		errno: 0,
		headline: `raised; ${fateText(raised)}`,
		lines: record === undefined ? [] : [`record ${hexBytes(record)}`],
		json: {
			device: device.name,
			event: args[1],
			fate,
			delivered: fate === "queued",
			virtId: virtId === undefined ? null : hex(virtId),
			group: group ?? null,
			why: "why" in raised ? raised.why : null,
			record: record === undefined ? null : hexBytes(record),
		},
		fields: { delivered: fate === "queued" ? 1 : 0, group: group ?? 0 },
	});
}

function fateText(raised: ReturnType<SimControl["raise"]>): string {
	switch (raised.fate) {
		case "queued":
			return `the event queue reports it for device ${hex(raised.virtId)}`;
		case "lost":
			return `the event queue of device ${hex(raised.virtId)} is full, so it is lost`;
		case "page-request":
			return `it stalls, and the fault queue has it as page request group ${raised.group}`;
		case "held":
			return "the driver has not read the record yet: sim release lets it";
		case "overflowed":
			return "there was no room for the record, so it is lost";
		case "unhandled":
			return `nobody takes it (${raised.why}): the kernel log has it`;
	}
}

async function fail(inv: Invocation): Promise<Outcome> {
	const { args, options } = inv;
	if ((options.ice === true) === (options.ite === true))
		throw new UsageError("the kind of failure is missing, or both are given", "--ite: it times out; --ice: it completes with an error");
	const error = options.ite === true ? "ITE" : "ICE";
	const times = options.times === undefined ? 1 : Number(parseNumber(options.times as string, "--times"));
	if (times < 1 || times > 1000) throw new UsageError(`--times: ${times} is not between 1 and 1000`);
	const control = await changing(inv);
	const device = control.device(args[0]);
	const pasid = pasidOf(inv);
	control.failInvalidations(device, error, times, pasid);
	return await showIo(inv, {
		command: "sim fail",
		call: "fail",
		ret: 0,
		errno: 0,
		headline: `the next ${plural(times, "device-TLB invalidation")} of ${device.name}${pasid === undefined ? "" : ` with PASID ${hex(pasid)}`} will ${error === "ITE" ? "time out (ITE)" : "complete with an error (ICE)"}`,
		json: { device: device.name, pasid: pasid ?? null, error, times },
	});
}

async function failures(inv: Invocation): Promise<Outcome> {
	await controlOf(inv);
	const { formatRid } = await import("../../../sim/index.js");
	const all = (await inv.context.handle()).sim?.invalidationReports ?? [];
	const failures = all.flatMap(({ iommu, reports }) => reports.map((report) => ({ iommu, ...report })));
	const reports = failures.map((report) => ({
		...report,
		rid: formatRid(report.rid),
		pasid: report.pasid ?? null,
		deviceId: report.deviceId ?? null,
	}));
	if (inv.common.json) printDocument(inv, "iommuctl.sim.failures", { failures: reports });
	else if (reports.length === 0) inv.io.stdout.write("no invalidation entry has reported an error\n");
	else {
		for (const { iommu, array, entry, error, rid, pasid, deviceId } of reports)
			inv.io.stdout.write(
				`${iommu}: ${array === 0 ? "descriptor" : "entry"} ${entry}: ${error} of ${rid}${pasid === null ? "" : ` PASID ${hex(pasid)}`}, ${deviceId === null ? "not a device of the caller" : `device ID ${deviceId}`}\n`,
			);
	}
	const last = reports.at(-1);
	return { ...done, fields: { failures: reports.length, device: last?.deviceId ?? 0 } };
}

export const eventCommands: readonly CommandSpec[] = [
	{
		name: "event",
		summary: "raise a non-recoverable fault of a device",
		details: [
			"The event is named as the IOMMU in front of the device names it. Where guests have an event queue (SMMUv3): by its name, with its",
			"fields (address, rnw, class, ipa, s2 ...); the guest gets it, with the virtual stream ID, if the device is attached to a nested",
			"table and has a virtual device. Elsewhere: by the number of a fault reason (VT-d) or cause (RISC-V), or an event code or name (AMD), with address and write; the kernel",
			"log gets it.",
		].join("\n"),
		args: [
			deviceArg,
			{ name: "EVENT", value: { names: Object.keys(SMMU_EVENT_LAYOUTS) }, doc: "F_TRANSLATION, C_BAD_CD ...; or a number" },
			{ name: "FIELDS", value: { recordOf: SMMU_EVENT_LAYOUTS }, doc: "address=0x1000 class=2", optional: true, variadic: true },
		],
		options: () => [{ flags: "--pasid <pasid>", doc: "of the faulting transaction (its substream ID)" }],
		groups: ["kernel"],
		examples: [
			["sim event vfio11 F_TRANSLATION address=0x1000 rnw=1 class=2", ""],
			["sim event vfio0 0x71 address=0x1000", "VT-d: first-stage entry not present"],
			["sim event vfio0 IO_PAGE_FAULT address=0x1000 write=1", "AMD"],
		],
		run: event,
	},
	{
		name: "fail",
		summary: "make the next device-TLB invalidation of a device fail",
		details: [
			"What the device cached stays cached. Today's uAPI does not report it (the kernel log does), and VT-d's driver submits an invalidation",
			"that timed out again; with --uapi vtd-inv-v10 the entry's last word says ICE or ITE, and sim failures shows which device it was. A",
			"virtual device fails for its own PASIDs only, and a function only for those that no virtual device owns.",
		].join("\n"),
		args: [deviceArg],
		options: () => [
			{ flags: "--ite", doc: "it times out" },
			{ flags: "--ice", doc: "it completes with an error" },
			{ flags: "--pasid <pasid>", doc: "only invalidations for this PASID fail" },
			{ flags: "--times <n>", doc: "how many of the next invalidations fail (1)" },
		],
		groups: ["kernel"],
		examples: [["sim fail vfio3 --ite", ""]],
		run: fail,
	},
	{
		name: "failures",
		summary: "invalidation entries (vtd-inv-v10) and descriptors of guests' queues that reported an error, each with the device's ID",
		groups: ["kernel"],
		examples: [["sim failures", ""]],
		run: failures,
	},
];
