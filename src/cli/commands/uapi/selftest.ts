/** `selftest`: the operations of IOMMU_TEST_CMD. */
import { iommu_hwpt_pgfault_perm, iommu_test_op, mock_access_rw, mock_aperture } from "../../../../structs/index.js";
import { bytesGiven, bytesOptions } from "../../call/bytes-option.js";
import { callCommand } from "../../call/command.js";
import type { Draft } from "../../call/draft.js";
import { parseIndexes } from "../../call/natural.js";
import type { CallSpec, Details, Made, PositionalField } from "../../call/spec.js";
import type { Family } from "../../frame/command.js";
import { hexBytes, hexDump } from "../../frame/text.js";

const id = (name: string, doc: string): PositionalField => ({ name, doc, field: "id" });
const stdev = id("STDEV", "the mock device's ID (out_stdev_id)");
const access = id("ACCESS", "the access's file (out_access_fd)");
const field = (member: string, name: string, label: string, doc: string, optional = false): PositionalField => ({
	name: label,
	doc,
	field: `${member}.${name}`,
	optional,
});

/** Places the bytes that an access writes; they also give the length. */
async function placeBytes(draft: Draft): Promise<void> {
	const bytes = await bytesGiven(draft.inv, Number(draft.get("access_rw.length")));
	const write = BigInt(mock_access_rw.MOCK_ACCESS_RW_WRITE);
	if (bytes) {
		draft.fill("access_rw.flags", write);
		draft.fill("access_rw.length", BigInt(bytes.length));
		draft.fill("access_rw.uptr", draft.placer.place(bytes));
	} else if (!draft.given("access_rw.uptr") && (draft.get("access_rw.flags") & write) === 0n) {
		const length = draft.get("access_rw.length");
		if (length > 0n && length <= 1n << 26n) draft.fill("access_rw.uptr", draft.placer.place(new Uint8Array(Number(length))));
	}
}

function bytesRead({ draft, answer }: Made): Details | undefined {
	const write = draft.read(answer.before, "access_rw.flags") & BigInt(mock_access_rw.MOCK_ACCESS_RW_WRITE);
	const length = draft.read(answer.before, "access_rw.length");
	if (answer.errno !== 0 || write !== 0n || length > 1n << 16n) return undefined;
	const bytes = draft.placer.fetch(draft.read(answer.before, "access_rw.uptr"), Number(length));
	return bytes && { lines: hexDump(bytes), json: { data: hexBytes(bytes) } };
}

/** The bitmap of the pages that a device is to dirty: those of --pages, or all of the range. */
function placePages(draft: Draft): void {
	draft.fill("dirty.page_size", BigInt(mock_aperture.MOCK_PAGE_SIZE));
	const pageSize = draft.get("dirty.page_size");
	if (draft.given("dirty.uptr") || pageSize === 0n) return;
	const count = draft.get("dirty.length") / pageSize;
	if (count === 0n || count > 1n << 26n) return;
	const text = draft.inv.options.pages as string | undefined;
	const pages = text === undefined ? undefined : parseIndexes(text, Number(count), "--pages");
	const bitmap = new Uint8Array(Math.ceil(Number(count) / 64) * 8);
	for (let page = 0; page < Number(count); page++) {
		if (!pages || pages.has(page)) bitmap[page >> 3] |= 1 << (page & 7);
	}
	draft.fill("dirty.uptr", draft.placer.place(bitmap));
}

/** The DMA buffers that are open before another one is made. */
async function dmaBuffersBefore({ inv }: Draft): Promise<ReadonlySet<number> | undefined> {
	if (inv.common.dryRun || (await inv.context.kernel()).kind !== "real") return undefined;
	const { openDmaBuffers } = await import("../../../kernel/real/index.js");
	return new Set(openDmaBuffers());
}

/** Linux 7.3 returns 0 instead of the file of the buffer that it made, so the new file is searched for. */
async function dmaBufferMade({ inv, answer, prepared: before }: Made<ReadonlySet<number> | undefined>): Promise<Details | undefined> {
	if (before === undefined || answer.errno !== 0 || answer.ret !== 0) return undefined;
	const { openDmaBuffers } = await import("../../../kernel/real/index.js");
	const fd = openDmaBuffers().find((one) => !before.has(one));
	if (fd === undefined) return undefined;
	inv.io.stderr.write(`${inv.err.note("note:")} a bug in this kernel: it returns 0 instead of the DMA buffer's file, which is ${fd}\n`);
	return { value: fd, lines: [`the DMA buffer is file ${fd}`], json: { dmabuf_fd: fd }, fields: { dmabuf_fd: fd } };
}

/** A test command; its name is the operation's, without IOMMU_TEST_OP_. */
type TestSpec = Omit<CallSpec, "ioctl" | "fixed">;

const mockIds = "out_stdev_id is the mock device, out_hwpt_id what it is attached to, out_idev_id the device's ID for every other call.";

const tests: readonly TestSpec[] = [
	{
		name: "add-reserved",
		summary: "reserve a range of an IOAS, as a device's reserved region would",
		member: "add_reserved",
		positional: [id("IOAS", "the IOAS")],
		examples: [["selftest add-reserved 1 --start 0x2000000 --length 64k", ""]],
	},
	{
		name: "mock-domain",
		summary: "make a mock device and attach it to an IOAS or page table",
		details: `${mockIds} In a script $name is the mock device, $name.idev_id the device.`,
		member: "mock_domain",
		positional: [id("PT", "an IOAS or a page table")],
		examples: [["selftest mock-domain 1", ""]],
	},
	{
		name: "mock-domain-flags",
		summary: "make a mock device of a kind (NO_DIRTY, PASID) and attach it",
		details: `${mockIds} In a script $name is the mock device, $name.idev_id the device.`,
		member: "mock_domain_flags",
		positional: [id("PT", "an IOAS or a page table")],
		examples: [["selftest mock-domain-flags 1 --dev-flags PASID", "a device with PASIDs"]],
	},
	{
		name: "mock-domain-replace",
		summary: "attach a mock device to another IOAS or page table",
		member: "mock_domain_replace",
		positional: [stdev, field("mock_domain_replace", "pt_id", "PT", "an IOAS or a page table")],
		newId: "mock_domain_replace.pt_id",
		examples: [["selftest mock-domain-replace 2 5", ""]],
	},
	{
		name: "md-check-map",
		summary: "check that a page table maps a range to memory of the program",
		member: "check_map",
		positional: [id("HWPT", "the page table")],
		examples: [["selftest md-check-map 3 --iova 0x1000000 --length 4k --uptr $memory", "uptr 0: that nothing is mapped"]],
	},
	{
		name: "md-check-refs",
		summary: "check how often pages of the program are pinned",
		member: "check_refs",
		positional: [{ ...id("ID", "ignored"), optional: true }],
		examples: [["selftest md-check-refs --uptr $memory --length 4k --refs 1", ""]],
	},
	{
		name: "create-access",
		summary: "become an in-kernel user of an IOAS",
		details: "The answer is a file: other commands name the access by it, and closing it (file close) destroys the access.",
		member: "create_access",
		positional: [id("IOAS", "the IOAS")],
		examples: [["selftest create-access 1 --flags NEEDS_PIN_PAGES", ""]],
	},
	{
		name: "destroy-access-pages",
		summary: "unpin what an access pinned",
		member: "destroy_access_pages",
		positional: [access, field("destroy_access_pages", "access_pages_id", "PAGES", "out_access_pages_id of the pinning")],
		examples: [["selftest destroy-access-pages $access 1", ""]],
	},
	{
		name: "access-pages",
		summary: "pin pages of an IOAS through an access",
		member: "access_pages",
		positional: [access],
		newId: "access_pages.out_access_pages_id",
		examples: [["selftest access-pages $access --iova 0x1000000 --length 4k --uptr $memory", ""]],
	},
	{
		name: "access-rw",
		summary: "copy to or from an IOAS through an access",
		details:
			"With bytes (--data, --text, --file): writes them. Without: reads --length bytes and shows them. Or your own memory by --uptr.",
		member: "access_rw",
		positional: [access],
		extra: () => bytesOptions,
		prepare: placeBytes,
		after: bytesRead,
		examples: [
			["selftest access-rw $access --iova 0x1000000 --text hello", "writes"],
			["selftest access-rw $access --iova 0x1000000 --length 5", "reads"],
		],
	},
	{
		name: "set-temp-memory-limit",
		summary: "limit the memory that the core uses for bookkeeping at a time",
		member: "memory_limit",
		positional: [field("memory_limit", "limit", "BYTES", "0: no limit")],
		examples: [["selftest set-temp-memory-limit 65536", ""]],
	},
	{
		name: "access-replace-ioas",
		summary: "move an access to another IOAS",
		member: "access_replace_ioas",
		positional: [access, field("access_replace_ioas", "ioas_id", "IOAS", "the IOAS; 0: none")],
		examples: [["selftest access-replace-ioas $access 2", ""]],
	},
	{
		name: "dirty",
		summary: "dirty pages as a device would",
		details: `Without --uptr: makes a bitmap of the pages of --pages, or of the whole range. --page-size is ${mock_aperture.MOCK_PAGE_SIZE} if not given, the mock IOMMU's own.`,
		member: "dirty",
		positional: [id("HWPT", "the page table")],
		extra: () => [{ flags: "--pages <list>", doc: "which pages of the range, from 0: 0,3,8-15" }],
		newId: "dirty.out_nr_dirty",
		prepare: placePages,
		examples: [["selftest dirty 5 --iova 0x1000000 --length 64k --pages 0,3,8-15", ""]],
	},
	{
		name: "md-check-iotlb",
		summary: "check what an entry of a nested page table's mock IOTLB holds",
		member: "check_iotlb",
		positional: [
			id("HWPT", "the nested page table"),
			field("check_iotlb", "id", "ENTRY", "which entry, 0 to 3"),
			field("check_iotlb", "iotlb", "VALUE", "what it must hold"),
		],
		rename: { "check_iotlb.id": "iotlb-id" },
		examples: [["selftest md-check-iotlb 7 0 0xbadbeef", ""]],
	},
	{
		name: "trigger-iopf",
		summary: "make a mock device fault",
		details: "Without --perm: READ.",
		member: "trigger_iopf",
		positional: [field("trigger_iopf", "dev_id", "DEVICE", "the device's ID (out_idev_id)")],
		prepare: (draft) => draft.fill("trigger_iopf.perm", BigInt(iommu_hwpt_pgfault_perm.IOMMU_PGFAULT_PERM_READ)),
		examples: [["selftest trigger-iopf 4 --addr 0x1000 --perm READ,WRITE --grpid 1", ""]],
	},
	{
		name: "dev-check-cache",
		summary: "check what an entry of a mock device's cache holds",
		member: "check_dev_cache",
		positional: [
			id("DEVICE", "the device's ID (out_idev_id)"),
			field("check_dev_cache", "id", "ENTRY", "which entry, 0 to 3"),
			field("check_dev_cache", "cache", "VALUE", "what it must hold"),
		],
		rename: { "check_dev_cache.id": "cache-id" },
		examples: [["selftest dev-check-cache 4 0 0xbaddad", ""]],
	},
	{
		name: "trigger-vevent",
		summary: "make a mock device raise an event",
		member: "trigger_vevent",
		positional: [field("trigger_vevent", "dev_id", "DEVICE", "the device's ID (out_idev_id)")],
		examples: [["selftest trigger-vevent 4", ""]],
	},
	{
		name: "pasid-attach",
		summary: "attach a PASID of a mock device to a page table",
		member: "pasid_attach",
		positional: [
			stdev,
			field("pasid_attach", "pasid", "PASID", "the PASID"),
			field("pasid_attach", "pt_id", "PT", "an IOAS or a page table"),
		],
		examples: [["selftest pasid-attach 2 100 5", ""]],
	},
	{
		name: "pasid-replace",
		summary: "attach a PASID of a mock device to another page table",
		member: "pasid_replace",
		positional: [
			stdev,
			field("pasid_replace", "pasid", "PASID", "the PASID"),
			field("pasid_replace", "pt_id", "PT", "an IOAS or a page table"),
		],
		examples: [["selftest pasid-replace 2 100 6", ""]],
	},
	{
		name: "pasid-detach",
		summary: "detach a PASID of a mock device",
		member: "pasid_detach",
		positional: [stdev, field("pasid_detach", "pasid", "PASID", "the PASID")],
		examples: [["selftest pasid-detach 2 100", ""]],
	},
	{
		name: "pasid-check-hwpt",
		summary: "check what page table a PASID is attached to",
		member: "pasid_check",
		positional: [
			stdev,
			field("pasid_check", "pasid", "PASID", "the PASID"),
			field("pasid_check", "hwpt_id", "HWPT", "the page table; 0: none"),
		],
		examples: [["selftest pasid-check-hwpt 2 100 5", ""]],
	},
	{
		name: "dmabuf-get",
		summary: "make a DMA buffer",
		details: "The answer is its file, which `ioas map-file --memfd` takes.",
		member: "dmabuf_get",
		newId: "ret",
		prepare: dmaBuffersBefore,
		after: dmaBufferMade,
		examples: [["selftest dmabuf-get --length 64k", ""]],
	},
	{
		name: "dmabuf-revoke",
		summary: "take a DMA buffer's memory away, or give it back",
		member: "dmabuf_revoke",
		positional: [
			field("dmabuf_revoke", "dmabuf_fd", "FD", "the DMA buffer's file"),
			field("dmabuf_revoke", "revoked", "REVOKED", "1: take, 0: give back", true),
		],
		prepare: (draft) => draft.fill("dmabuf_revoke.revoked", 1n),
		examples: [["selftest dmabuf-revoke $buffer 1", ""]],
	},
];

const operation = (name: string): bigint =>
	BigInt((iommu_test_op as Readonly<Record<string, number>>)[`IOMMU_TEST_OP_${name.toUpperCase().replaceAll("-", "_")}`]);

const family: Family = {
	name: "selftest",
	details: "The kernel's selftest driver (CONFIG_IOMMUFD_TEST) has a mock device and commands to poke it: IOMMU_TEST_CMD, by its op.",
	commands: tests.map((test) => callCommand("selftest", { ...test, ioctl: "IOMMU_TEST_CMD", fixed: { op: operation(test.name) } })),
};
export default family;
