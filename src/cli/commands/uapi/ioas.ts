/** `ioas`: I/O address spaces and their mappings. */
import { iommu_iova_range, iommufd_ioas_map_flags } from "../../../../structs/index.js";
import { EMSGSIZE } from "../../../kernel/errno.js";
import { callCommand } from "../../call/command.js";
import type { Draft } from "../../call/draft.js";
import { parseNumber, parseRange } from "../../call/natural.js";
import type { CallSpec, Details, Made, PositionalField } from "../../call/spec.js";
import type { Family } from "../../frame/command.js";
import { hex, plural, sizeText } from "../../frame/text.js";
import { showIoas } from "./ioas-show/command.js";

const ioasId: PositionalField = { name: "IOAS", doc: "the IOAS's ID", field: "ioas_id" };
const { IOMMU_IOAS_MAP_FIXED_IOVA: FIXED, IOMMU_IOAS_MAP_READABLE: READABLE, IOMMU_IOAS_MAP_WRITEABLE: WRITEABLE } = iommufd_ioas_map_flags;

const flagsRule = "Without --flags: READABLE|WRITEABLE, and FIXED_IOVA if an IOVA is given.";

/** Room for this many ranges by default. */
const defaultRoom = 64n;

const fillFlags = (draft: Draft, iova: string): void => draft.fill("flags", BigInt(READABLE | WRITEABLE | (draft.given(iova) ? FIXED : 0)));

function rangesFetched({ draft, answer }: Made): Details | undefined {
	const told = draft.read(answer.after, "num_iovas");
	const room = draft.read(answer.before, "num_iovas");
	if (answer.errno !== 0) {
		if (answer.errno === EMSGSIZE) draft.notes.push(`there are ${plural(Number(told), "range")}: give --num-iovas ${told}`);
		return undefined;
	}
	const count = Math.min(Number(told), Number(room));
	const bytes = draft.placer.fetch(draft.read(answer.after, "allowed_iovas"), count * iommu_iova_range.size);
	if (!bytes) return undefined;
	const ranges = iommu_iova_range.decodeArray(bytes);
	return {
		lines: ranges.map(
			({ start, last }) =>
				`${hex(start)} - ${hex(last)}  ${last - start === (1n << 64n) - 1n ? "everything" : sizeText(last - start + 1n)}`,
		),
		json: { ranges: ranges.map(({ start, last }) => ({ start: hex(start), last: hex(last) })) },
	};
}

const specs: readonly CallSpec[] = [
	{
		name: "alloc",
		summary: "make an empty I/O address space",
		ioctl: "IOMMU_IOAS_ALLOC",
		examples: [
			["ioas alloc", "prints the new ID"],
			["ioas alloc -q --kernel sim", "only the ID, on the simulated kernel"],
		],
	},
	{
		name: "ranges",
		summary: "list the IOVA ranges that can be mapped",
		ioctl: "IOMMU_IOAS_IOVA_RANGES",
		positional: [ioasId],
		prepare(draft) {
			draft.fill("num_iovas", defaultRoom);
			const room = draft.get("num_iovas");
			// A count that no kernel reaches gets no array of that length: such a call only tests the count.
			draft.fill(
				"allowed_iovas",
				draft.placer.place(new Uint8Array(Number(room < 1n << 20n ? room : defaultRoom) * iommu_iova_range.size)),
			);
		},
		after: rangesFetched,
		examples: [
			["ioas ranges 1", "what devices attached to IOAS 1 leave free"],
			["ioas ranges 1 --num-iovas 0 --expect EMSGSIZE", "ask only for the number"],
		],
	},
	{
		name: "allow",
		summary: "set the ranges that the kernel picks IOVAs from",
		ioctl: "IOMMU_IOAS_ALLOW_IOVAS",
		positional: [ioasId],
		extra: () => [{ flags: "--range <start-last>", doc: "a range, both ends included; 0x1000+4k gives start and length", repeat: true }],
		prepare(draft) {
			const ranges = ((draft.inv.options.range as string[] | undefined) ?? []).map((text) => parseRange(text, "--range"));
			draft.fill("num_iovas", BigInt(ranges.length));
			if (ranges.length > 0) draft.fill("allowed_iovas", draft.placer.place(iommu_iova_range.encodeArray(ranges)));
		},
		examples: [
			["ioas allow 1 --range 0x1000000-0x1ffffff --range 0x40000000+1M", "only there, from now on"],
			["ioas allow 1", "no range: anything goes again"],
		],
	},
	{
		name: "map",
		summary: "map memory of the program into an IOAS",
		details: `${flagsRule}\nWithout --user-va: maps fresh memory of that length and prints its address ($name.user_va in a script).`,
		ioctl: "IOMMU_IOAS_MAP",
		positional: [ioasId],
		newId: "iova",
		async prepare(draft) {
			fillFlags(draft, "iova");
			const length = draft.get("length");
			if (!draft.given("user_va") && length > 0n && length < 1n << 46n) draft.fill("user_va", await draft.allocate(length, "ioas map"));
		},
		examples: [
			["ioas map 1 --length 2M", "2 MiB of fresh memory, at an IOVA that the kernel picks"],
			["ioas map 1 --iova 0x1000000 --length 64k --user-va 0x7f0000000000 --flags FIXED_IOVA,READABLE", "every field given"],
		],
	},
	{
		name: "map-file",
		summary: "map a piece of a memory file into an IOAS",
		details: `${flagsRule}\nWithout --memfd: maps a fresh memfd of start + length bytes ($name.fd in a script).`,
		ioctl: "IOMMU_IOAS_MAP_FILE",
		positional: [ioasId],
		rename: { fd: "memfd" },
		newId: "iova",
		async prepare(draft) {
			fillFlags(draft, "iova");
			if (draft.given("fd") || draft.dry) return;
			const length = draft.get("start") + draft.get("length");
			if (length >= 1n << 46n) return;
			const fd = (await draft.inv.context.kernel()).memfd("iommuctl", length);
			draft.notes.push(fd < 0 ? "no memfd could be made" : `memfd ${fd} of ${sizeText(length)} made`);
			draft.fill("fd", BigInt(fd < 0 ? -1 : fd));
		},
		examples: [
			["ioas map-file 1 --length 1M", "a fresh memfd"],
			["ioas map-file 1 --memfd $file --start 64k --length 64k", "in a script: a piece of $file"],
		],
	},
	{
		name: "copy",
		summary: "map what another IOAS has mapped, sharing its pages",
		details: flagsRule,
		ioctl: "IOMMU_IOAS_COPY",
		positional: [
			{ name: "DST", doc: "the IOAS to map into", field: "dst_ioas_id" },
			{ name: "SRC", doc: "the IOAS that has the mapping", field: "src_ioas_id" },
		],
		newId: "dst_iova",
		prepare: (draft) => fillFlags(draft, "dst_iova"),
		examples: [["ioas copy 2 1 --src-iova 0x1000000 --length 64k", "from IOAS 1 to IOAS 2, at an IOVA that the kernel picks"]],
	},
	{
		name: "unmap",
		summary: "unmap every area inside a range",
		ioctl: "IOMMU_IOAS_UNMAP",
		positional: [ioasId],
		extra: () => [{ flags: "--all", doc: "everything: IOVA 0, length 2^64-1" }],
		prepare(draft) {
			if (draft.inv.options.all !== true) return;
			draft.fill("iova", 0n);
			draft.fill("length", parseNumber("0xffffffffffffffff"));
		},
		examples: [
			["ioas unmap 1 --iova 0x1000000 --length 64k", ""],
			["ioas unmap 1 --all", "always succeeds, and prints how much was unmapped"],
		],
	},
	{
		name: "change-process",
		summary: "let this process take over the accounting of a context's file mappings",
		ioctl: "IOMMU_IOAS_CHANGE_PROCESS",
		examples: [["ioas change-process", ""]],
	},
	{
		name: "phys",
		summary: "the physical address behind an IOVA, for devices that no IOMMU translates",
		ioctl: "IOMMU_IOAS_NOIOMMU_GET_PA",
		positional: [ioasId, { name: "IOVA", doc: "a mapped IOVA", field: "iova" }],
		newId: "out_phys",
		prepare: (draft) => draft.fill("length", 1n),
		examples: [["ioas phys 1 0x1000000 --length 4k", ""]],
	},
];

const family: Family = {
	name: "ioas",
	details: "An IOAS maps IOVAs to memory of the program; page tables and devices that are attached to it see these mappings.",
	commands: [...specs.map((spec) => callCommand("ioas", spec)), showIoas],
};
export default family;
