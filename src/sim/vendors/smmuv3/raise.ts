/** Raises events on request, as an SMMUv3 would. */
import { SMMU_EVENTS, type SmmuEventName } from "../../../formats/smmuv3/events.js";
import { EINVAL, ENODEV } from "../../../kernel/errno.js";
import { ControlError } from "../../contract/control-error.js";
import type { HwDevice } from "../common/device.js";
import type { EventOutcome, RaisedEvent } from "../common/event.js";
import { FOR_GUESTS, recorded } from "./dma.js";
import type { Smmu } from "./smmu.js";

/** Raises an event, to the event queue of the guest that has the device or to the kernel log. Throws a ControlError. */
export function raiseSmmu(smmu: Smmu, device: HwDevice, event: RaisedEvent): EventOutcome {
	const stream = smmu.stream(device);
	if (stream === undefined) throw new ControlError(ENODEV, `${device.name} is behind another SMMU`);
	const name = Object.keys(SMMU_EVENTS).find((each) => each === event.what.toUpperCase()) as SmmuEventName | undefined;
	if (name === undefined)
		throw new ControlError(EINVAL, `"${event.what}" is not an SMMUv3 event`, `there are ${Object.keys(SMMU_EVENTS).join(", ")}`);
	const substream: Record<string, bigint> = event.pasid === undefined ? {} : { ssv: 1n, ssid: BigInt(event.pasid) };
	const fields = { sid: BigInt(stream.wire), ...substream, ...event.fields };
	let outcome: ReturnType<typeof recorded>;
	try {
		outcome = recorded(stream, { name, fields, stage2: event.fields.s2 === 1n });
	} catch (error) {
		if (error instanceof RangeError) throw new ControlError(EINVAL, `${name}: ${error.message}`);
		throw error;
	}
	const delivered = stream.events !== undefined && event.fields.s2 !== 1n && FOR_GUESTS.has(name);
	return { record: outcome.ok ? undefined : outcome.record, virtId: delivered ? stream.events?.virtId : undefined };
}
