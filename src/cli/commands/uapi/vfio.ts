/** `vfio`: the calls of a VFIO type 1 container that iommufd answers. */
import {
	iommufd_vfio_ioas_op,
	vfio_defines,
	vfio_info_cap_header,
	vfio_iommu_type1_info_cap_iova_range,
	vfio_iommu_type1_info_dma_avail,
	vfio_iova_range,
} from "../../../../structs/index.js";
import { callCommand } from "../../call/command.js";
import type { CallSpec, Details, Made } from "../../call/spec.js";
import { valueCommand } from "../../call/value.js";
import type { Family } from "../../frame/command.js";
import { hex, plural } from "../../frame/text.js";

/** Room after the info for its chain of capabilities (bytes). */
const capsRoom = 1000;

/** The capabilities that follow the info, each with the offset of the next. */
function capsFetched({ draft, answer }: Made): Details | undefined {
	if (answer.errno !== 0) return undefined;
	const { after } = answer;
	const lines: string[] = [];
	const caps: object[] = [];
	const seen = new Set<number>();
	let at = Number(draft.read(after, "cap_offset"));
	while (at >= draft.struct.size && at + vfio_info_cap_header.size <= after.length && !seen.has(at)) {
		seen.add(at);
		const { id, version, next } = vfio_info_cap_header.decode(after, at);
		if (id === vfio_defines.VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE) {
			const { nr_iovas } = vfio_iommu_type1_info_cap_iova_range.decode(after, at);
			const from = at + vfio_iommu_type1_info_cap_iova_range.size;
			const count = Math.min(nr_iovas, Math.floor((after.length - from) / vfio_iova_range.size));
			const ranges = vfio_iova_range.decodeArray(after.slice(from, from + count * vfio_iova_range.size));
			lines.push(`capability IOVA_RANGE: ${plural(nr_iovas, "range")}`, ...ranges.map(({ start, end }) => `  ${hex(start)} - ${hex(end)}`));
			caps.push({ id, version, name: "IOVA_RANGE", ranges: ranges.map(({ start, end }) => ({ start: hex(start), end: hex(end) })) });
		} else if (id === vfio_defines.VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL) {
			const { avail } = vfio_iommu_type1_info_dma_avail.decode(after, at);
			lines.push(`capability DMA_AVAIL: ${plural(avail, "mapping")} left`);
			caps.push({ id, version, name: "DMA_AVAIL", avail });
		} else {
			lines.push(`capability ${id}, version ${version}`);
			caps.push({ id, version, name: null });
		}
		at = next;
	}
	return { lines, json: { capabilities: caps } };
}

const op = (value: number) => ({ op: BigInt(value) });

const specs: readonly CallSpec[] = [
	{
		name: "get-ioas",
		summary: "which IOAS the VFIO calls of this context work on",
		ioctl: "IOMMU_VFIO_IOAS",
		fixed: op(iommufd_vfio_ioas_op.IOMMU_VFIO_IOAS_GET),
		newId: "ioas_id",
		examples: [["vfio get-ioas", "ENODEV while there is none"]],
	},
	{
		name: "set-ioas",
		summary: "let the VFIO calls of this context work on an IOAS",
		ioctl: "IOMMU_VFIO_IOAS",
		positional: [{ name: "IOAS", doc: "the IOAS's ID", field: "ioas_id" }],
		fixed: op(iommufd_vfio_ioas_op.IOMMU_VFIO_IOAS_SET),
		examples: [["vfio set-ioas 1", ""]],
	},
	{
		name: "clear-ioas",
		summary: "let the VFIO calls of this context work on no IOAS",
		ioctl: "IOMMU_VFIO_IOAS",
		fixed: op(iommufd_vfio_ioas_op.IOMMU_VFIO_IOAS_CLEAR),
		examples: [["vfio clear-ioas", ""]],
	},
	{
		name: "get-info",
		summary: "page sizes, and the chain of capabilities",
		details: `Without --argsz: room for ${capsRoom} bytes of capabilities.`,
		ioctl: "VFIO_IOMMU_GET_INFO",
		prepare(draft) {
			if (!draft.given("argsz") && draft.inv.options.tail === undefined) draft.setTail(new Uint8Array(capsRoom));
		},
		after: capsFetched,
		examples: [
			["vfio get-info", ""],
			["vfio get-info --argsz 24", "only the length that would be needed"],
		],
	},
	{
		name: "map-dma",
		summary: "map memory of the program at an IOVA",
		details:
			"Without --flags: READ|WRITE. Without --vaddr: maps fresh memory of that size and prints its address. The struct's own size is --argsz.",
		ioctl: "VFIO_IOMMU_MAP_DMA",
		async prepare(draft) {
			draft.fill("flags", BigInt(vfio_defines.VFIO_DMA_MAP_FLAG_READ | vfio_defines.VFIO_DMA_MAP_FLAG_WRITE));
			const size = draft.get("size");
			if (!draft.given("vaddr") && size > 0n && size < 1n << 46n) draft.fill("vaddr", await draft.allocate(size, "vfio map-dma"));
		},
		examples: [["vfio map-dma --iova 0x1000000 --size 64k", ""]],
	},
	{
		name: "unmap-dma",
		summary: "unmap a range",
		ioctl: "VFIO_IOMMU_UNMAP_DMA",
		extra: () => [{ flags: "--all", doc: "everything: the flag ALL with IOVA and size 0" }],
		prepare(draft) {
			if (draft.inv.options.all === true) draft.imply("flags", vfio_defines.VFIO_DMA_UNMAP_FLAG_ALL);
		},
		examples: [
			["vfio unmap-dma --iova 0x1000000 --size 64k", ""],
			["vfio unmap-dma --all", ""],
		],
	},
];

const family: Family = {
	name: "vfio",
	details: "iommufd answers the calls of a VFIO type 1 container too, on the IOAS that `vfio set-ioas` names.",
	commands: [
		...specs.map((spec) => callCommand("vfio", spec)),
		valueCommand("vfio", {
			name: "api-version",
			summary: "the version of VFIO's interface",
			ioctl: "VFIO_GET_API_VERSION",
			examples: [["vfio api-version", "ret=0"]],
		}),
		valueCommand("vfio", {
			name: "check-extension",
			summary: "whether an extension is supported (ret 1) or not (ret 0)",
			ioctl: "VFIO_CHECK_EXTENSION",
			value: {
				name: "EXTENSION",
				doc: "a number, or TYPE1, TYPE1v2, DMA_CC, TYPE1_NESTING, NOIOMMU, UNMAP_ALL, UPDATE_VADDR",
				names: extensionNames(),
			},
			examples: [
				["vfio check-extension TYPE1v2", ""],
				["vfio check-extension UNMAP_ALL", ""],
			],
		}),
		valueCommand("vfio", {
			name: "set-iommu",
			summary: "choose the kind of container",
			ioctl: "VFIO_SET_IOMMU",
			value: { name: "TYPE", doc: "TYPE1 or TYPE1v2, or a number", names: extensionNames() },
			examples: [["vfio set-iommu TYPE1v2", "in a script, after set-ioas"]],
		}),
		valueCommand("vfio", {
			name: "enable",
			summary: "VFIO_IOMMU_ENABLE, of another kind of container",
			ioctl: "VFIO_IOMMU_ENABLE",
			examples: [["vfio enable --expect ENOTTY", ""]],
		}),
		valueCommand("vfio", {
			name: "disable",
			summary: "VFIO_IOMMU_DISABLE, of another kind of container",
			ioctl: "VFIO_IOMMU_DISABLE",
			examples: [["vfio disable --expect ENOTTY", ""]],
		}),
		valueCommand("vfio", {
			name: "dirty-pages",
			summary: "VFIO_IOMMU_DIRTY_PAGES",
			ioctl: "VFIO_IOMMU_DIRTY_PAGES",
			examples: [["vfio dirty-pages --expect ENOTTY", ""]],
		}),
	],
};
export default family;

/** Names of container types and extensions, as they are and without VFIO_ and _IOMMU. */
function extensionNames(): ReadonlyMap<string, bigint> {
	const names = new Map<string, bigint>();
	for (const [name, value] of Object.entries(vfio_defines)) {
		if (!/_IOMMU$|^VFIO_(UNMAP_ALL|UPDATE_VADDR)$/.test(name)) continue;
		names.set(name.toUpperCase(), BigInt(value));
		names.set(
			name
				.toUpperCase()
				.replace(/^VFIO_/, "")
				.replace(/_IOMMU$/, ""),
			BigInt(value),
		);
	}
	return names;
}
