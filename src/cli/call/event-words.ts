/** What a virtual event's record says, in words. */
import { iommu_vevent_arm_smmuv3, iommu_vevent_tegra241_cmdqv } from "../../../structs/index.js";
import { smmuEventWords } from "../../formats/smmuv3/event-words.js";
import { decodeSmmuEvent } from "../../formats/smmuv3/events.js";
import { toWords } from "../../formats/words.js";
import { hex } from "../frame/text.js";

/** A record taken apart. */
export interface EventWords {
	/** in one line */
	readonly text: string;
	/** for JSON: 64-bit numbers as hex strings */
	readonly json: Readonly<Record<string, unknown>>;
}

/** @returns undefined where the struct's own fields say all of it */
export function eventWords(struct: string, data: Uint8Array): EventWords | undefined {
	if (struct === iommu_vevent_arm_smmuv3.name) return smmuWords(data);
	return struct === iommu_vevent_tegra241_cmdqv.name ? queueErrors(data) : undefined;
}

function smmuWords(record: Uint8Array): EventWords {
	const { name, type, fields } = decodeSmmuEvent(record);
	const set = Object.entries(fields).filter(([, value]) => value !== 0n);
	return {
		text: smmuEventWords(record),
		json: {
			name: name ?? null,
			type,
			words: smmuEventWords(record),
			fields: Object.fromEntries(set.map(([field, value]) => [field, hex(value)])),
		},
	};
}

function queueErrors(map: Uint8Array): EventWords {
	const queues = toWords(map).flatMap((word, at) =>
		Array.from({ length: 64 }, (_, bit) => at * 64 + bit).filter((queue) => ((word >> BigInt(queue - at * 64)) & 1n) === 1n),
	);
	return { text: `errors of logical command queues: ${queues.join(", ") || "none"}`, json: { queues } };
}
