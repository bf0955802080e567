/** Finds QEMU's trace events in a log: those of its "log" backend, of syslog and ftrace, and what simpletrace.py prints. */

export interface QemuEvent {
	/** from 1 */
	readonly line: number;
	readonly name: string;
	/** what follows the name */
	readonly text: string;
	/** its arguments by the names that the text has: `iommufd=23 iova=0x1000`; signed ones as signed */
	readonly values: ReadonlyMap<string, bigint>;
	/** the call's answer; undefined: the event does not have one */
	readonly ret: number | undefined;
	/** in microseconds; undefined: the log has no times */
	readonly time: number | undefined;
}

const EVENT = /(?:^|[\s:])((?:iommufd|iommu_backend|vfio)_\w+)(?:\s+(.*))?$/;
/** `12345@1700000000.123456:`, as QEMU's log has it */
const LOG_TIME = /^\s*\d+@(\d+)\.(\d{1,9}):/;
/** Names of the arguments in QEMU's sources, as simpletrace.py prints them, and the names in the text. */
const ALIASES: Readonly<Record<string, string>> = {
	vaddr: "addr",
	out_hwpt_id: "out_hwpt",
	start_: "start",
	owned_: "owned",
};

/** The events of iommufd and VFIO in a log, in its order. */
export function parseQemu(text: string): QemuEvent[] {
	return text.split(/\r?\n/).flatMap((source, at) => {
		const found = EVENT.exec(source);
		if (found === null) return [];
		const rest = found[2] ?? "";
		const values = valuesIn(rest);
		const ret = retIn(rest, values);
		return [{ line: at + 1, name: found[1], text: rest, values, ret, time: timeOf(source) }];
	});
}

function valuesIn(text: string): Map<string, bigint> {
	const values = new Map<string, bigint>();
	for (const [, name, value] of text.matchAll(/\b([a-z_]\w*)=\s?(-?(?:0x[0-9a-f]+|\d+)|\(nil\))(?![\w.])/gi)) {
		const number = value === "(nil)" ? 0n : value.startsWith("-") ? -BigInt(value.slice(1)) : BigInt(value);
		values.set(ALIASES[name] ?? name, number);
	}
	return values;
}

/** `(0)`, `(-22)` at the end, or simpletrace's `ret=0xffffffea` */
function retIn(text: string, values: Map<string, bigint>): number | undefined {
	const shown = /\((-?\d+)\)\s*$/.exec(text)?.[1];
	if (shown !== undefined) return Number(shown);
	const ret = values.get("ret");
	return ret === undefined ? undefined : Number(BigInt.asIntN(32, ret));
}

function timeOf(source: string): number | undefined {
	const [, seconds, fraction] = LOG_TIME.exec(source) ?? [];
	return seconds === undefined ? undefined : Number(seconds) * 1e6 + Number(fraction.padEnd(6, "0").slice(0, 6));
}
