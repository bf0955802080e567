/** DMA of devices behind an SMMUv3: translation, event records, stalls. */
import { iommu_hwpt_pgfault_perm as PERM } from "../../../../structs/index.js";
import type { SmmuEventName } from "../../../formats/smmuv3/events.js";
import type { Values } from "../../../formats/words.js";
import type { DmaOutcome } from "../../contract/driver.js";
import { EXEC, PRIV, WRITE } from "../../mmu/walk.js";
import { throughHost } from "../common/dma.js";
import type { EventFate } from "../common/event.js";
import { QUIRKS } from "./board.js";
import { smmuEventChecks } from "./checks.js";
import { type SmmuDomain, SmmuNestedDomain, type SmmuPagingDomain } from "./domains.js";
import type { SmmuStream } from "./stream.js";
import { STE_ABORT, STE_S1 } from "./stream-table.js";
import { type SmmuEvent, type SmmuOutcome, type SmmuStream as SmmuRequest, type SmmuTranslator, smmuEventRecord } from "./translate.js";
import { unhandledLine } from "./unhandled.js";

/** The events that the driver forwards to guests. */
export const FOR_GUESTS = new Set<SmmuEventName>([
	"C_BAD_STE",
	"F_STREAM_DISABLED",
	"C_BAD_SUBSTREAMID",
	"C_BAD_CD",
	"F_TRANSLATION",
	"F_ADDR_SIZE",
	"F_ACCESS",
	"F_PERMISSION",
]);

const DETACHED: Resolved = { ok: false, stall: false, ats: false, why: "nothing is attached, so the stream table entry says abort" };
const UNRECORDED = "the stream table entry says abort, or the context descriptor says not to record faults";

/** How an access ended before anybody was told of it. */
export type Resolved =
	| (DmaOutcome & { ok: true })
	/** `why`: in words, where there is no event */
	| (Exclude<SmmuOutcome, { ok: true }> & { readonly why?: string });

/** Translates one access of a device, or aborts it with the SMMU's record and the driver's handling of it. */
export function access(stream: SmmuStream, iova: bigint, what: number, pasid?: number): DmaOutcome {
	return finish(stream, resolve(stream, iova, what, pasid, stream.smmu.translator), iova, what, pasid);
}

/** What becomes of an access that was translated, or not: then it stalls, is recorded, or is refused without a record. */
export function finish(stream: SmmuStream, outcome: Resolved, iova: bigint, what: number, pasid: number | undefined): DmaOutcome {
	if (outcome.ok) return outcome;
	if (outcome.stall) return stalled(stream, outcome.event, iova, what, pasid);
	const { unrecorded, event, why } = outcome;
	if (outcome.ats) return { ok: false, ats: true, why: why ?? `the SMMU granted the device no access in its ATS answer (${unrecorded})` };
	if (unrecorded !== undefined) return { ok: false, why: `the SMMU answered the ATS request with Completer Abort (${unrecorded})` };
	return event === undefined ? { ok: false, why: why ?? UNRECORDED } : recorded(stream, event);
}

/** Translates one access of a device by what it is attached to. Tells nobody. */
export function resolve(stream: SmmuStream, iova: bigint, what: number, pasid: number | undefined, through: SmmuTranslator): Resolved {
	const { domain } = stream;
	if (domain instanceof SmmuNestedDomain) return throughStreams(stream, domain, iova, what, pasid, through);
	if (pasid !== undefined) return withPasid(stream, domain, iova, what, pasid, through);
	if (domain === undefined) return DETACHED;
	if (domain.stage === 1) return hostStage1(stream, domain, iova, what, undefined, through);
	return throughStreams(stream, domain, iova, what, undefined, through);
}

/** Translates through the host's own context descriptors, one for each attached PASID. */
function withPasid(
	stream: SmmuStream,
	domain: SmmuPagingDomain | undefined,
	iova: bigint,
	what: number,
	pasid: number,
	through: SmmuTranslator,
): Resolved {
	const { byPasid, device } = stream;
	const table = byPasid.get(pasid);
	if (table !== undefined) return hostStage1(stream, table, iova, what, pasid, through);
	if (domain === undefined && byPasid.size === 0) return DETACHED;
	const inTable = (domain === undefined || domain.stage === 1) && pasid < 2 ** device.maxPasidLog2;
	return refused({ name: inTable ? "C_BAD_CD" : "C_BAD_SUBSTREAMID", fields: names(stream, pasid), stage2: false });
}

function throughStreams(
	stream: SmmuStream,
	domain: SmmuDomain,
	iova: bigint,
	what: number,
	ssid: number | undefined,
	through: SmmuTranslator,
): Resolved {
	// the guest allows ATS by EATS
	return throughTable(domain, { sid: stream.wire, ssid, ats: stream.ats && domain.ste.ats === 1 }, iova, what, through);
}

/** Translates through a stream table entry. */
export function throughTable(
	domain: SmmuDomain,
	from: Pick<SmmuRequest, "sid" | "ssid" | "ats">,
	iova: bigint,
	what: number,
	through: SmmuTranslator,
): Resolved {
	const parent: SmmuPagingDomain = domain instanceof SmmuNestedDomain ? domain.parent : domain;
	return through.translate({ ...from, vmid: parent.vmid, ste: domain.ste, stage2: parent }, iova, what);
}

/** Translates through the kernel's own stage 1, which mirrors the IOVA space. */
export function hostStage1(
	stream: SmmuStream | undefined,
	table: SmmuPagingDomain,
	iova: bigint,
	what: number,
	pasid: number | undefined,
	through: SmmuTranslator,
): Resolved {
	// pages of the kernel's stage 1 are users', so those that can be written are PXN
	const forbidden = (what & EXEC) !== 0 && (what & PRIV) !== 0 && ((table.find(iova)?.perm ?? 0) & WRITE) !== 0;
	const found = throughHost(table, iova, what, through.options.observe);
	if (found !== undefined && !forbidden) return found;
	// a refused ATS request leaves no record
	if (stream?.ats) return { ...refused(undefined), ats: true, why: "the host's table does not map it, or forbids the access" };
	const name = table.find(iova) === undefined ? "F_TRANSLATION" : "F_PERMISSION";
	return refused({
		name,
		fields: {
			...(stream && names(stream, pasid)),
			address: iova,
			rnw: what & WRITE ? 0n : 1n,
			ind: what & EXEC && !(what & WRITE) ? 1n : 0n,
			pnu: what & PRIV ? 1n : 0n,
			class: 2n,
		},
		stage2: false,
	});
}

/**
 * Answers a translation request with UR where ATS is not for this stream: with F_BAD_ATS_TREQ, unless the entry says abort (IHI0070,
 * 7.3.6 and 3.9.1.2). Undefined: the stream may send it. The driver gives entries of the host ATS where the device and the SMMU have it.
 */
export function forbiddenAts(stream: SmmuStream, iova: bigint, what: number, pasid?: number): (DmaOutcome & { ok: false }) | undefined {
	const { domain, ats } = stream;
	const entry = domain instanceof SmmuNestedDomain ? domain.ste : undefined;
	const aborts = domain === undefined || (entry !== undefined && (!entry.valid || entry.config === STE_ABORT));
	if (aborts) return { ok: false, why: "the stream table entry says abort, so the SMMU answered the ATS request with Unsupported Request" };
	if (ats && (entry === undefined || (entry.config === STE_S1 && entry.ats === 1))) return undefined;
	const access = { rnw: what & WRITE ? 0n : 1n, ind: what & EXEC && !(what & WRITE) ? 1n : 0n, pnu: what & PRIV ? 1n : 0n };
	const fields = { ...names(stream, pasid), ...access, address: iova, span: 1n };
	return recorded(stream, { name: "F_BAD_ATS_TREQ", fields, stage2: false });
}

function refused(event: SmmuEvent | undefined): Exclude<SmmuOutcome, { ok: true }> {
	return { ok: false, event, stall: false, ats: false };
}

function names(stream: SmmuStream, pasid: number | undefined): Values {
	return { sid: BigInt(stream.wire), ...(pasid === undefined ? {} : { ssv: 1n, ssid: BigInt(pasid) }) };
}

/** Records an event that ends the access. The guest gets it if it concerns the guest's own stage; else it is printed. */
export function recorded(stream: SmmuStream, event: SmmuEvent): DmaOutcome & { ok: false } {
	const record = smmuEventRecord(event, stream.smmu.has(QUIRKS.wholeIpa));
	const { events } = stream;
	stream.smmu.log.event(record, () => deliver(stream, event, record, events));
	return { ok: false, record, why: event.name };
}

/**
 * Sends a record to the event queue of the guest that has the device, or prints it as unhandled. `then`: the receiver when the
 * event happened.
 */
export function deliver(stream: SmmuStream, event: SmmuEvent, record: Uint8Array, then = stream.events): EventFate {
	const { events, device, smmu } = stream;
	const { warn, reasons } = smmu.host;
	const reason = then === events ? whyLogged(stream, event) : `${device.name} was attached to another table before the driver read it`;
	if (reason !== undefined || events === undefined) {
		const why = reason ?? "no guest has the device";
		reasons.note(smmuEventChecks.smmuEventLogged, event.name, device.name, why);
		warn(unhandledLine(stream, event, why));
		return { fate: "unhandled", why };
	}
	const fate = events.viommu.report(record, events.virtId);
	if (fate !== undefined) return { fate, virtId: events.virtId };
	reasons.note(smmuEventChecks.smmuNoVeventq, event.name, device.name);
	const why = "the virtual IOMMU has no event queue";
	warn(unhandledLine(stream, event, why));
	return { fate: "unhandled", why };
}

/** Why the guest does not get an event; undefined: it does. */
function whyLogged({ domain, device, events }: SmmuStream, event: SmmuEvent): string | undefined {
	if (event.stage2) return "the host's own tables are at fault";
	if (!FOR_GUESTS.has(event.name)) return "the driver does not forward this event";
	if (events !== undefined) return undefined;
	if (domain instanceof SmmuNestedDomain) return `${device.name} was attached without a vDEVICE`;
	return `${device.name} is not attached to a guest's stream table entry`;
}

/** Turns a stalled access into a page request, whose group is the transaction's tag. Without a queue for it, it is printed. */
function stalled(stream: SmmuStream, event: SmmuEvent | undefined, iova: bigint, what: number, ssid: number | undefined): DmaOutcome {
	const tag = BigInt(stream.smmu.takeStag());
	const stall = event && { ...event, fields: { ...event.fields, stall: 1n, stag: tag } };
	const record = stall && smmuEventRecord(stall, stream.smmu.has(QUIRKS.wholeIpa));
	// until the driver has read the record, the transaction waits
	let waits = true;
	const { read } = requested(stream, Number(tag), iova, what, ssid);
	const take = () => {
		waits = read();
		if (!waits && stall !== undefined) stream.smmu.host.warn(unhandledLine(stream, stall, NO_QUEUE));
	};
	if (record === undefined) take();
	else stream.smmu.log.event(record, take, true);
	return { ok: false, record, waits: waits ? Number(tag) : undefined, why: event?.name };
}

export const NO_QUEUE = "no fault queue takes its page request, which was answered INVALID";

/** A stalled transaction as a page request. `read`: the driver reports it; false: it was answered at once. */
export function requested(stream: SmmuStream, tag: number, iova: bigint, what: number, ssid: number | undefined): { read(): boolean } {
	const { requests } = stream.device;
	const { read } = requests.queue({
		pasid: ssid,
		group: tag,
		perm:
			(what & WRITE ? PERM.IOMMU_PGFAULT_PERM_WRITE : PERM.IOMMU_PGFAULT_PERM_READ) |
			(what & EXEC ? PERM.IOMMU_PGFAULT_PERM_EXEC : 0) |
			(what & PRIV ? PERM.IOMMU_PGFAULT_PERM_PRIV : 0),
		addr: iova,
		last: true,
	});
	return {
		read() {
			read();
			return [...requests.pending].some((group) => group.requests.some((request) => request.group === tag));
		},
	};
}
