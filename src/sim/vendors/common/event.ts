/** Faults raised on request, as a vendor's hardware would. */
import type { Values } from "../../../formats/words.js";
import { EINVAL } from "../../../kernel/errno.js";
import { ControlError } from "../../contract/control-error.js";
import type { HwDevice } from "./device.js";

/** A non-recoverable fault of a device. */
export interface RaisedEvent {
	/** in the vendor's terms: an event's name, or the number of a fault reason or event code */
	readonly what: string;
	readonly fields: Readonly<Values>;
	readonly pasid: number | undefined;
}

/** Who got a fault. */
export type EventFate =
	/** the guest's event queue, which reports it for the device with this virtual ID; `lost`: the queue was full */
	| { readonly fate: "queued" | "lost"; readonly virtId: bigint }
	/** the fault queue, as a page request of this group */
	| { readonly fate: "page-request"; readonly group: number }
	/** the driver has not read the IOMMU's record yet; `overflowed`: there was no room for the record */
	| { readonly fate: "held" | "overflowed" }
	/** nobody: the kernel log has it */
	| { readonly fate: "unhandled"; readonly why: string };

export type EventOutcome = EventFate & {
	/** the IOMMU's own record, with the physical stream ID */
	readonly record: Uint8Array | undefined;
};

/** Checks a fault given by number, with an address and a direction. Throws a ControlError for anything else. */
export function numberedFault(
	device: HwDevice,
	event: RaisedEvent,
	/** the codes that have names */
	names: Readonly<Record<string, number>> = {},
	largest = 0xff,
): { readonly code: number; readonly address: bigint; readonly write: boolean; readonly pasid: number | undefined } {
	const { name } = device.iommu;
	const { address = 0n, write = 0n, ...others } = event.fields;
	for (const field of Object.keys(others))
		throw new ControlError(EINVAL, `an event of ${name} has no field "${field}"`, "the fields are address and write");
	const named = event.what.toUpperCase();
	const code = Object.hasOwn(names, named) ? names[named] : Number(event.what);
	if (!Number.isInteger(code) || code < 0 || code > largest) {
		const all = Object.keys(names);
		const hint = all.length === 0 ? "give its number, for example 0x71" : `give its number, or a name: ${all.join(", ")}`;
		throw new ControlError(EINVAL, `"${event.what}" is not a fault reason of ${name}`, hint);
	}
	return { code, address, write: write !== 0n, pasid: event.pasid ?? device.part?.pasid };
}

/**
 * Writes a record, and tells what became of the fault: what `deliver` says if the driver reads it at once; else the record is held
 * back, or lost for want of room. `write` returns whether there was room.
 */
export function fateOf(write: (take: () => void) => boolean, deliver: () => EventFate): EventFate {
	const told: EventFate[] = [];
	const written = write(() => told.push(deliver()));
	return told[0] ?? { fate: written ? "held" : "overflowed" };
}
