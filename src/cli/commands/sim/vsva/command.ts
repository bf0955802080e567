/** `vsva`: shared virtual addressing for guests as proposed in 2017 and 2018. */
import { queueVendors, vendors } from "../../../../sim/index.js";
import type { Family, OptionSpec } from "../../../frame/command.js";
import { refusableFamily } from "../refusals.js";
import { bind, list, unbind } from "./bind.js";

/** The vendors whose guests have a queue, and the titles of those that meet a condition, for help texts. */
const queues = queueVendors();
const titles = (holds: (vendor: (typeof queues)[number]) => unknown): string =>
	queues
		.filter(holds)
		.map(({ title }) => title)
		.join(", ");
const widths = [...new Set(queues.flatMap(({ queue }) => queue.sizes.map((bytes) => String(bytes * 8))))];

const vendorOption: OptionSpec = { flags: "--vendor <name>", doc: "whose queue it is", choices: queues.map(({ kind }) => kind) };

/** What the guest's queue holds. */
const queueOptions = (): readonly OptionSpec[] => [
	vendorOption,
	{ flags: "--from <file>", value: "file", doc: "the file with the queue; - is stdin" },
	{
		flags: "--op <fields>",
		value: { names: [...new Set(queues.flatMap(({ queue }) => queue.names))] },
		doc: "a descriptor by its name and fields: PASID_IOTLB,pasid=5,granularity=3,address=0x1000; may be repeated",
		repeat: true,
	},
	{ flags: "--hex <hex>", doc: "descriptors in hex; may be repeated", repeat: true },
	{ flags: "--format <form>", doc: "the form of --from, if it cannot be guessed", choices: ["binary", "hex", "json"] },
	{
		flags: "--width <bits>",
		doc: `width of ${titles(({ queue }) => queue.sizes.length > 1)}'s descriptors (${widths[0]})`,
		choices: widths,
	},
];

/** Where its descriptors go. */
const targetOptions: readonly OptionSpec[] = [
	{
		flags: "--hwpt <id>",
		value: { id: "hwpt_id" },
		doc: `${titles(({ queue }) => queue.array && queue.target === "hwpt")}: the nested page table that entries go to`,
	},
	{
		flags: "--viommu <id>",
		value: { id: "viommu_id" },
		doc: `${titles(({ queue }) => queue.target === "viommu")}: the virtual IOMMU`,
	},
	{
		flags: "--map <key=n:id>",
		doc: `${titles(({ queue }) => queue.maps)}: pasid=5:ID or did=3:ID, if there are several page tables`,
		repeat: true,
	},
	{ flags: "--table <id>", doc: "hand the queue to this table of vsva bind" },
];

const family: Family = {
	name: "vsva",
	details: [
		"Shared virtual addressing for guests as proposed in 2017 and 2018: a guest's whole PASID table bound to devices, its",
		"invalidation queue forwarded, page responses of that time. The commands forward and convert-response work with today's uAPI too.",
	].join("\n"),
	commands: [
		{
			name: "bind",
			summary: `give devices a guest's whole PASID table (${vendors.flatMap(({ pasidTable }) => pasidTable ?? []).join(", ")})`,
			details: [
				"The devices share the one table, with all functions of their groups, and what is cached of it. They must be bound, and attached to a",
				"second-stage page table that maps the guest's memory. Page requests go to --fault-id, or to the fault queue of that page table.",
				"Refused: a device that sends a bridge's requester ID, and a PASID that belongs to a virtual device or that the host has attached.",
				"Binding the same base and size again, or --table, lets further devices join. Only the simulated kernel has this.",
			].join("\n"),
			args: [
				{ name: "DEVICE", value: "device", doc: "vfio3, or vfio3=00:05.0 if the guest knows it by another requester ID", variadic: true },
			],
			options: () => [
				{ flags: "--base <address>", doc: "guest-physical, page-aligned" },
				{ flags: "--size <pasids>", doc: "PASIDs that the table has room for, a power of two" },
				{ flags: "--fault-id <id>", value: { id: "fault_id" }, doc: "the fault queue that takes the table's page requests" },
				{ flags: "--table <id>", doc: "a table that is bound: the devices join it" },
			],
			groups: ["kernel", "quiet"],
			examples: [
				["vsva bind vfio3 vfio9 --base 0x10000 --size 1024", "both share it"],
				["vsva bind vfio9 --table 1", "joins later"],
			],
			run: bind,
		},
		{
			name: "unbind",
			summary: "take a guest's table away from all devices, or from some",
			details: "Page requests that wait are answered INVALID. Devices leave with all functions of their groups.",
			args: [
				{ name: "TABLE", doc: "its ID" },
				{ name: "DEVICE", value: "device", doc: "only from these", optional: true, variadic: true },
			],
			groups: ["kernel"],
			examples: [
				["vsva unbind 1", ""],
				["vsva unbind 1 vfio9", "the others keep it"],
			],
			run: unbind,
		},
		{ name: "list", summary: "the tables that are bound", groups: ["kernel"], examples: [["vsva list", ""]], run: list },
		{
			name: "forward",
			summary: "turn a guest's invalidation queue into invalidation arrays, and make the calls",
			details: [
				`${queues.map(({ queue }) => queue.about).join(", ")}: bytes, hex, or JSON (an array, or one object per line,`,
				'{"op":"PASID_IOTLB","pasid":5,"did":1,"granularity":3,"address":"0x1000","am":0}). Consecutive descriptors for one target',
				"go in one call. Every descriptor that is not forwarded is listed with the reason: the VMM handles it itself (vmm), it needs no",
				"call (covered), or it is lost. --table hands the queue to a table of `vsva bind` instead. As in hardware, nothing is fetched behind a",
				"descriptor that stops the queue (IQE), and a wait behind a failed invalidation (ITE, ICE) is not completed: such a queue fails with EIO.",
			].join("\n"),
			options: () => [
				...queueOptions(),
				...targetOptions,
				{ flags: "--device <name>", value: "device", doc: "the device whose queue it is; refused if its requester ID is not its own" },
				{ flags: "--batch <n>", doc: "the most entries of one call (2^19)" },
				{ flags: "--strict", doc: "exit 1 if anything is lost" },
			],
			groups: ["kernel", "fd", "dry"],
			examples: [
				["vsva forward --vendor vtd --from queue.bin --hwpt 5", ""],
				["vsva forward --vendor smmuv3 --from commands.jsonl --viommu 6 --dry-run", "only the arrays and the report"],
			],
			run: async (inv) => (await import("./forward.js")).forwardQueue(inv),
		},
		{
			name: "register",
			summary: "forward what a guest's queue gets from now on, as forward would, until unregister",
			details: "The notifier of the proposals. What the guest writes into its queue (vsva queue) reaches every notifier of that vendor.",
			options: () => [vendorOption, ...targetOptions],
			groups: ["kernel", "quiet"],
			examples: [["vsva register --table 1", ""]],
			run: async (inv) => (await import("./notifier.js")).register(inv),
		},
		{
			name: "unregister",
			summary: "forward nothing more",
			args: [{ name: "NOTIFIER", doc: "its ID" }],
			groups: ["kernel"],
			examples: [["vsva unregister 1", ""]],
			run: async (inv) => (await import("./notifier.js")).unregister(inv),
		},
		{
			name: "queue",
			summary: "the guest writes descriptors into its queue; notifiers forward them",
			details: "Without a notifier (vsva register) nobody learns of them: caches keep what they have.",
			options: queueOptions,
			groups: ["kernel", "fd"],
			examples: [["vsva queue --op PASID_IOTLB,pasid=5,did=7,granularity=2 --op WAIT,status_write=1", ""]],
			run: async (inv) => (await import("./notifier.js")).guestQueue(inv),
		},
		{
			name: "convert-response",
			summary: "convert a page response of 2017 (page_response_msg) to today's, or back",
			args: [
				{ name: "TO", doc: "today, or 2017" },
				{ name: "FIELDS", doc: "the fields of the response to convert", variadic: true },
			],
			options: () => [
				{ flags: "--cookie <n>", doc: "to today: the page fault's cookie" },
				{ flags: "--fault <fields>", doc: "to 2017: the page fault, as fault read shows it" },
			],
			examples: [
				["vsva convert-response today resp_code=SUCCESS page_req_group_id=3 --cookie 1", ""],
				["vsva convert-response 2017 cookie=1 code=INVALID --fault grpid=3,addr=0x1000", ""],
			],
			run: async (inv) => (await import("./responses.js")).convertResponse(inv),
		},
	],
};
export default refusableFamily(family);
