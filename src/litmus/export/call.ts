/** Writes one call of a test in C. */
import type { StructType } from "../../../structs/index.js";
import { structDefinition } from "../../trace/export/c-types.js";
import { bytesLines, type Constants, initialisers, number } from "../../trace/export/c-values.js";
import { leavesOf } from "../../trace/tools/fields.js";
import { isId, isSeen, structOf } from "../outcome.js";
import type { Call, LitmusTest } from "../test.js";

type Values = Readonly<Record<string, unknown>>;

/** What the file needs before its functions. */
export interface CNeeds {
	readonly constants: Constants;
	/** by struct, with the union members that are used */
	readonly structs: Map<StructType, Set<string>>;
}

/** The lines of a block that makes a call and says what it answers to `text`. */
export function callLines(test: LitmusTest, call: Call, needs: CNeeds): string[] {
	const { op, addr, length = 0, offset = 0n } = call;
	const file = call.file === undefined ? "-1" : `(int)slots[${call.file}]`;
	const at = addr === undefined ? "bytes" : `memory(${hex(addr)})`;
	const size = addr === undefined ? `${call.bytes?.length ?? 0}` : `${length}`;
	const plain = (made: string, ...after: string[]) => [`long ret = answer(text, ${made});`, ...kept(call), ...after];
	const bytes = call.bytes === undefined ? [] : bytesArray(call.bytes);
	switch (op) {
		case "ioctl":
			return ioctlLines(test, call, needs, file);
		case "open":
			return plain(`open(${JSON.stringify(call.path)}, O_RDWR | O_NONBLOCK | O_CLOEXEC)`);
		case "close":
			return plain(`close(${file})`, "(void)ret;");
		case "memfd":
			return plain(`memory_file(${JSON.stringify(call.path)}, ${length}, ${huge("MFD_HUGETLB", call)})`);
		case "userfaultfd":
			return plain("syscall(SYS_userfaultfd, O_NONBLOCK | O_CLOEXEC)");
		case "seal":
			return plain(`fcntl(${file}, F_ADD_SEALS, ${call.value})`, "(void)ret;");
		case "truncate":
			return plain(`ftruncate(${file}, ${number(offset)})`, "(void)ret;");
		case "mprotect":
			return plain(`mprotect(${at}, ${length}, ${call.prot})`, "(void)ret;");
		case "madvise":
			return plain(`madvise(${at}, ${length}, ${call.value})`, "(void)ret;");
		case "mremap": {
			const how = call.value === addr ? "0" : `MREMAP_MAYMOVE | MREMAP_FIXED, memory(${hex(call.value ?? 0n)})`;
			return plain(`mremap(${at}, ${length}, ${number(offset)}, ${how}) == MAP_FAILED ? -1 : 0`, "(void)ret;");
		}
		case "read":
		case "pread": {
			const made = op === "read" ? `read(${file}, ${at}, ${size})` : `pread(${file}, ${at}, ${size}, ${number(offset)})`;
			const shown = addr === undefined ? ["if (ret > 0)", "\tdata(text, bytes, ret);"] : [];
			return [...bytes, ...plain(made, ...saidRet, ...shown)];
		}
		case "write":
		case "pwrite": {
			const made = op === "write" ? `write(${file}, ${at}, ${size})` : `pwrite(${file}, ${at}, ${size}, ${number(offset)})`;
			return [...bytes, ...plain(made, ...saidRet)];
		}
		case "poll":
			return [
				"short revents = 0;",
				...plain(`ready(${file}, ${call.events}, &revents)`, "if (ret >= 0)", '\tsay(text, " revents=0x%x", (unsigned int)revents);'),
			];
		case "mmap": {
			const prot = call.prot ?? 0;
			const of = call.file === undefined ? "MAP_PRIVATE | MAP_ANONYMOUS" : "MAP_SHARED";
			const flags = `${of} | ${huge("MAP_HUGETLB", call)}${call.populate ? " | MAP_POPULATE" : ""}`;
			return plain(`map_memory(${hex(addr ?? 0n)}, ${length}, ${prot}, ${flags}, ${file}, ${number(offset)})`, "(void)ret;");
		}
		case "munmap":
			return plain(`munmap(memory(${hex(addr ?? 0n)}), ${length})`, "(void)ret;");
		case "poke":
			return [...bytes, `memcpy(memory(${hex(addr ?? 0n)}), bytes, ${call.bytes?.length ?? 0});`, "answer(text, 0);"];
		case "peek":
			return ["answer(text, 0);", `data(text, memory(${hex(addr ?? 0n)}), ${call.bytes?.length ?? 0});`];
	}
}

/** The flags for huge pages: their size is in the upper bits, as a power of two. */
const huge = (flag: string, { pageSize }: Call): string => (pageSize === undefined ? "0" : `${flag} | ${Math.log2(pageSize)}u << 26`);

const saidRet = ["if (ret >= 0)", '\tsay(text, " ret=%ld", ret);'];
const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** A returned file. */
const kept = ({ makes }: Call): string[] => (makes === undefined ? [] : [`slots[${makes}] = ret < 0 ? -1 : ret;`]);

function bytesArray(bytes: Uint8Array): string[] {
	if (bytes.every((byte) => byte === 0)) return [`unsigned char bytes[${Math.max(bytes.length, 1)}] = { 0 };`];
	const lines = bytesLines(Buffer.from(bytes).toString("hex"));
	// One byte more, for the NUL behind a string.
	return [`unsigned char bytes[${bytes.length + 1}] =`, ...lines.map((line, at) => `\t${line}${at === lines.length - 1 ? ";" : ""}`)];
}

function ioctlLines(test: LitmusTest, call: Call, { constants, structs }: CNeeds, file: string): string[] {
	const known = call.name !== undefined && /^[A-Z]/.test(call.name);
	const request = known ? constants.add(call.name as string, call.request as number) : `0x${(call.request as number).toString(16)}`;
	const said = call.makes === undefined ? ["if (ret > 0)", '\tsay(text, " ret=%ld", ret);'] : [];
	if (call.bytes === undefined)
		return [
			`long ret = answer(text, ioctl(${file}, ${request}, ${number(call.value ?? 0n)}UL));`,
			...kept(call),
			...(said.length > 0 ? said : []),
		];
	const type = structOf(call);
	const values = type?.decode(call.bytes) as Values | undefined;
	const lossless = type && Buffer.from(type.encode(values as never)).equals(call.bytes);
	if (!type || !values || !lossless) {
		const puts = call.puts.map(({ offset, size, slot }) => `memcpy(bytes + ${offset}, &slots[${slot}], ${size});`);
		const takes = call.takes.map(({ offset, size, slot }) => `memcpy(&slots[${slot}], bytes + ${offset}, ${size});`);
		const after = takes.length > 0 ? ["if (ret >= 0) {", ...takes.map((line) => `\t${line}`), "}"] : [];
		return [
			...bytesArray(call.bytes),
			...puts,
			`long ret = answer(text, ioctl(${file}, ${request}, bytes));`,
			...kept(call),
			...after,
			...said,
		];
	}
	const leaves = leavesOf(type, values);
	const used = structs.get(type) ?? new Set<string>();
	for (const { field } of leaves) for (const part of field.path.split(".")) used.add(part);
	structs.set(type, used);
	const fields = initialisers(
		type,
		values,
		constants,
		({ field }) => {
			const put = call.puts.find(({ offset }) => offset === field.offset);
			return put && `(${field.size === 8 ? "uint64_t" : "uint32_t"})slots[${put.slot}]`;
		},
		"cmd",
		1,
	);
	const takes = call.takes.flatMap(({ offset, slot }) => {
		const leaf =
			leaves.find(({ field }) => field.offset === offset && field.dir !== "in") ?? leaves.find(({ field }) => field.offset === offset);
		return leaf ? [`slots[${slot}] = (int64_t)cmd.${leaf.field.path};`] : [];
	});
	const shown = leaves.flatMap(({ field, value }) => {
		if ((typeof value !== "number" && typeof value !== "bigint") || field.dir === "in" || !isSeen(test, call, field)) return [];
		const parts = `before.${field.path}, cmd.${field.path}`;
		return isId(field) ? [`id_field(text, "${field.path}", ${parts});`] : [`field(text, "${field.path}", ${parts});`];
	});
	return [
		`struct ${type.name} cmd = {`,
		...fields,
		"};",
		...(shown.length > 0 ? [`struct ${type.name} before = cmd;`] : []),
		`long ret = answer(text, ioctl(${file}, ${request}, &cmd));`,
		...kept(call),
		...(takes.length > 0 ? ["if (ret >= 0) {", ...takes.map((line) => `\t${line}`), "}"] : []),
		...shown,
		...said,
		...(takes.length === 0 && said.length === 0 && call.makes === undefined ? ["(void)ret;"] : []),
	];
}

/** The definitions of the structs that calls use. */
export function definitions({ structs }: CNeeds): string[] {
	return [...structs].map(([type, used]) => structDefinition(type, used));
}
