/** Raises events on request, as an SMMUv3 would. */
import { SMMU_EVENTS, type SmmuEventName } from "../../../formats/smmuv3/events.js";
import type { Values } from "../../../formats/words.js";
import { EINVAL, ENODEV } from "../../../kernel/errno.js";
import { ControlError } from "../../contract/control-error.js";
import { EXEC, PRIV, READ, WRITE } from "../../mmu/walk.js";
import type { HwDevice } from "../common/device.js";
import { type EventOutcome, fateOf, type RaisedEvent } from "../common/event.js";
import { QUIRKS } from "./board.js";
import { deliver, NO_QUEUE, requested } from "./dma.js";
import type { Smmu } from "./smmu.js";
import { smmuEventRecord } from "./translate.js";
import { unhandledLine } from "./unhandled.js";

/** Raises an event, to the event queue of the guest that has the device, or, if it stalls, to the fault queue; else to the kernel log. Throws a ControlError. */
export function raiseSmmu(smmu: Smmu, device: HwDevice, event: RaisedEvent): EventOutcome {
	const stream = smmu.stream(device);
	if (stream === undefined) throw new ControlError(ENODEV, `${device.name} is behind another SMMU`);
	const name = Object.keys(SMMU_EVENTS).find((each) => each === event.what.toUpperCase()) as SmmuEventName | undefined;
	if (name === undefined)
		throw new ControlError(EINVAL, `"${event.what}" is not an SMMUv3 event`, `there are ${Object.keys(SMMU_EVENTS).join(", ")}`);
	const substream: Record<string, bigint> = event.pasid === undefined ? {} : { ssv: 1n, ssid: BigInt(event.pasid) };
	const fields: Values = { sid: BigInt(stream.wire), ...substream, ...event.fields };
	const raised = { name, fields, stage2: event.fields.s2 === 1n };
	let record: Uint8Array;
	try {
		record = smmuEventRecord(raised, smmu.has(QUIRKS.wholeIpa));
	} catch (error) {
		if (error instanceof RangeError) throw new ControlError(EINVAL, `${name}: ${error.message}`);
		throw error;
	}
	const { events } = stream;
	if (fields.stall !== 1n || raised.stage2) {
		const fate = fateOf(
			(take) => smmu.log.event(record, take),
			() => deliver(stream, raised, record, events),
		);
		return { ...fate, record };
	}
	const tag = fields.stag === undefined ? smmu.takeStag() : Number(fields.stag);
	const access = (fields.rnw === 1n ? READ : WRITE) | (fields.ind === 1n ? EXEC : 0) | (fields.pnu === 1n ? PRIV : 0);
	const stalled = requested(stream, tag, fields.address ?? 0n, access, event.pasid);
	const fate = fateOf(
		(take) => smmu.log.event(record, take, true),
		() => {
			if (stalled.read()) return { fate: "page-request", group: tag };
			smmu.host.warn(unhandledLine(stream, raised, NO_QUEUE));
			return { fate: "unhandled", why: NO_QUEUE };
		},
	);
	return { ...fate, record };
}
