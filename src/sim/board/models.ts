/** PCI IDs of the functions that have a model of their own. */
import type { DeviceModel } from "./description.js";

const MODELS: Readonly<Record<string, DeviceModel>> = {
	"0x1234:0x11e8": "edu",
	"0x1af4:0x1041": "virtio-net",
	"0x1b36:0x0010": "nvme",
	"0x8086:0x10c9": "igb",
	"0x8086:0x10ca": "igbvf",
};

/** The model of a function with these IDs, as "0x1234". */
export function modelWithIds(vendor: unknown, device: unknown): DeviceModel {
	return MODELS[`${vendor}:${device}`] ?? "plain";
}
