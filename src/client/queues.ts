/** Reads and writes the files of fault queues and event queues. */
import { iommu_hwpt_page_response, iommu_hwpt_pgfault, iommu_veventq_flag, iommufd_vevent_header } from "../../structs/index.js";
import type { Kernel } from "../kernel/kernel.js";
import { type Payload, payloadOfType, veventPayloads } from "./payloads.js";

/** The result of reading a queue's file. */
export interface QueueRead<T> {
	/** bytes, or -1 */
	readonly ret: number;
	readonly errno: number;
	readonly bytes: Uint8Array;
	readonly messages: readonly T[];
}

function readBytes(kernel: Kernel, fd: number, length: number): { ret: number; errno: number; bytes: Uint8Array } {
	const into = new Uint8Array(length);
	const ret = kernel.read(fd, into);
	return { ret: ret < 0 ? -1 : ret, errno: ret < 0 ? -ret : 0, bytes: into.subarray(0, Math.max(ret, 0)) };
}

export type PageFault = ReturnType<typeof iommu_hwpt_pgfault.decode>;

/** Reads whole page fault messages; `length` is in bytes and may be any number. */
export function readFaults(kernel: Kernel, fd: number, length: number): QueueRead<PageFault> {
	const got = readBytes(kernel, fd, length);
	const whole = got.bytes.length - (got.bytes.length % iommu_hwpt_pgfault.size);
	return { ...got, messages: iommu_hwpt_pgfault.decodeArray(got.bytes.subarray(0, whole)) };
}

/** Writes page responses. @returns how many were accepted, and the errno if none was */
export function writeResponses(kernel: Kernel, fd: number, bytes: Uint8Array): { ret: number; errno: number; handled: number } {
	const ret = kernel.write(fd, bytes);
	if (ret < 0) return { ret: -1, errno: -ret, handled: 0 };
	return { ret, errno: 0, handled: Math.floor(ret / iommu_hwpt_page_response.size) };
}

export interface VirtualEvent {
	readonly sequence: number;
	readonly flags: number;
	/** events were lost here, and no data follows */
	readonly lost: boolean;
	readonly payload?: Payload;
	/** the event's own bytes */
	readonly data: Uint8Array;
}

/** Reads events from a queue of one type; `length` is in bytes. */
export function readEvents(kernel: Kernel, fd: number, type: number, length: number): QueueRead<VirtualEvent> {
	const got = readBytes(kernel, fd, length);
	return { ...got, messages: splitEvents(got.bytes, type) };
}

/** Splits the bytes read from an event queue's file into events. */
export function splitEvents(bytes: Uint8Array, type: number): VirtualEvent[] {
	const payload = payloadOfType(veventPayloads, type);
	const events: VirtualEvent[] = [];
	for (let at = 0; at + iommufd_vevent_header.size <= bytes.length; ) {
		const { flags, sequence } = iommufd_vevent_header.decode(bytes, at);
		at += iommufd_vevent_header.size;
		const lost = (flags & iommu_veventq_flag.IOMMU_VEVENTQ_FLAG_LOST_EVENTS) !== 0;
		// The size of an unknown type is not known, so one event takes the rest.
		const length = lost ? 0 : (payload?.struct.size ?? bytes.length - at);
		events.push({ sequence, flags, lost, payload, data: bytes.slice(at, at + length) });
		at += length;
	}
	return events;
}
