/** `viommu`, `vdevice` and `hw-queue`: a guest's IOMMU and what belongs to it. */
import { viommuPayloads } from "../../../client/payloads.js";
import { callCommand } from "../../call/command.js";
import { fetchPayload, payloadOptions, placePayload } from "../../call/payload.js";
import type { Family } from "../../frame/command.js";
import { findCommand } from "../sim/vdevice-find.js";

const viommuId = { name: "VIOMMU", doc: "the virtual IOMMU's ID", field: "viommu_id" };
const deviceId = { name: "DEVICE", doc: "the device's ID", field: "dev_id" };

export const viommu: Family = {
	name: "viommu",
	details: "A virtual IOMMU is a guest's slice of a physical one, over a nesting parent page table.",
	commands: [
		callCommand("viommu", {
			name: "alloc",
			summary: "make a virtual IOMMU",
			ioctl: "IOMMU_VIOMMU_ALLOC",
			positional: [deviceId, { name: "HWPT", doc: "the nesting parent", field: "hwpt_id" }],
			extra: () => payloadOptions(viommuPayloads),
			prepare: (draft) => placePayload(draft, viommuPayloads, "type"),
			after: (made) => fetchPayload(made, viommuPayloads, "type"),
			examples: [
				["viommu alloc 4 5 --type ARM_SMMUV3", "for device 4 over page table 5"],
				["viommu alloc 4 5 --selftest in_data=0x1234", "the mock driver's, with its data"],
				["viommu alloc 4 5 --tegra241", "with a page of registers to map, whose offset the kernel answers"],
			],
		}),
	],
};

export const vdevice: Family = {
	name: "vdevice",
	details: "A virtual device tells a virtual IOMMU which ID the guest uses for a physical device.",
	commands: [
		callCommand("vdevice", {
			name: "alloc",
			summary: "make a virtual device",
			ioctl: "IOMMU_VDEVICE_ALLOC",
			positional: [viommuId, deviceId, { name: "VIRT_ID", doc: "the guest's ID for it (stream ID, requester ID)", field: "virt_id" }],
			examples: [["vdevice alloc 6 4 0x99", "the guest knows device 4 as 0x99"]],
		}),
		findCommand,
	],
};

export const hwQueue: Family = {
	name: "hw-queue",
	details: "Hardware reads a hardware queue straight from guest memory, which stays pinned as long as the queue exists.",
	commands: [
		callCommand("hw-queue", {
			name: "alloc",
			summary: "make a hardware queue",
			ioctl: "IOMMU_HW_QUEUE_ALLOC",
			positional: [viommuId],
			examples: [
				["hw-queue alloc 6 --type SELFTEST --index 0 --nesting-parent-iova 0x1000000 --length 4k", ""],
				["hw-queue alloc 6 --type TEGRA241_CMDQV --index 0 --nesting-parent-iova 0x20000 --length 4k", "a guest's own command queue"],
			],
		}),
	],
};
