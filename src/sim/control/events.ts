import { SMMU_EVENTS, type SmmuEventName } from "../../formats/smmuv3/events.js";
import type { Values } from "../../formats/words.js";
import { READ, WRITE } from "../mmu/walk.js";
import type { Sim } from "../system/sim.js";
import { amdFaultLine } from "../vendors/amd/fault-log.js";
import type { HwDevice } from "../vendors/common/device.js";
import { FOR_GUESTS, recorded } from "../vendors/smmuv3/dma.js";
import { Smmuv3Driver } from "../vendors/smmuv3/driver.js";
import { vtdFaultLine } from "../vendors/vtd/fault-log.js";
import { ControlError } from "./devices.js";

/** A non-recoverable fault of a device, to be raised as its IOMMU would. */
export interface RaisedEvent {
	/** an SMMUv3 event's name, or the number of a VT-d fault reason or AMD event code */
	readonly what: string;
	readonly fields: Readonly<Values>;
	readonly pasid: number | undefined;
}

export interface EventOutcome {
	/** SMMUv3's own record, with the physical stream ID */
	readonly record: Uint8Array | undefined;
	/** the virtual stream ID under which the guest's event queue has it; undefined: it went to the kernel log */
	readonly virtId: bigint | undefined;
}

/** Raises an event: to the event queue of the guest that has the device, else to the kernel log. Throws a ControlError. */
export function raiseEvent(sim: Sim, device: HwDevice, event: RaisedEvent): EventOutcome {
	const { driver } = device.iommu;
	if (driver instanceof Smmuv3Driver) return raiseSmmu(driver, device, event);
	const { address = 0n, write = 0n } = event.fields;
	for (const name of Object.keys(event.fields))
		if (name !== "address" && name !== "write")
			throw new ControlError(`an event of ${device.iommu.name} has no field "${name}"`, "it has address and write");
	const code = Number(event.what);
	if (!Number.isInteger(code))
		throw new ControlError(`"${event.what}" is no fault reason of ${device.iommu.name}`, "give its number, for example 0x71");
	const { kind } = device.iommu.description;
	const sent = event.pasid ?? device.part?.pasid;
	sim.warn(
		kind === "vtd"
			? vtdFaultLine(device.requester.wire, sent, address, write ? WRITE : READ, code)
			: amdFaultLine(device.bdf, sent, 0, address, { code, flags: write ? 0x20 : 0 }),
	);
	return { record: undefined, virtId: undefined };
}

function raiseSmmu(driver: Smmuv3Driver, device: HwDevice, event: RaisedEvent): EventOutcome {
	const stream = driver.smmu.stream(device);
	if (stream === undefined) throw new ControlError(`${device.name} is behind another SMMU`);
	const name = Object.keys(SMMU_EVENTS).find((each) => each === event.what.toUpperCase()) as SmmuEventName | undefined;
	if (name === undefined)
		throw new ControlError(`"${event.what}" is no event of SMMUv3`, `there are ${Object.keys(SMMU_EVENTS).join(", ")}`);
	const substream: Record<string, bigint> = event.pasid === undefined ? {} : { ssv: 1n, ssid: BigInt(event.pasid) };
	const fields = { sid: BigInt(stream.wire), ...substream, ...event.fields };
	let outcome: ReturnType<typeof recorded>;
	try {
		outcome = recorded(stream, { name, fields, stage2: event.fields.s2 === 1n });
	} catch (error) {
		if (error instanceof RangeError) throw new ControlError(`${name}: ${error.message}`);
		throw error;
	}
	const delivered = stream.events !== undefined && event.fields.s2 !== 1n && FOR_GUESTS.has(name);
	return { record: outcome.ok ? undefined : outcome.record, virtId: delivered ? stream.events?.virtId : undefined };
}
