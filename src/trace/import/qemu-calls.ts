/** Which calls QEMU's trace events stand for. */
import { defines, type Init, ioctls, iommu_viommu_type, iommufd_ioas_map_flags, type StructCall } from "../../../structs/index.js";

type Values = Readonly<Record<string, unknown>>;

/** A call that an event tells: the struct's fields before it, and those that it changed. */
export interface QemuCall {
	readonly request: StructCall;
	readonly given: Values;
	/** what a successful call returned */
	readonly made?: Values;
	/** fields that it returned and that the event does not have */
	readonly unknown?: readonly string[];
	/** memory that it maps, which the program therefore has */
	readonly memory?: { readonly addr: bigint; readonly length: bigint; readonly prot: "r" | "rw" };
	/** a memory file that it maps: QEMU's descriptor, and how far */
	readonly file?: { readonly fd: bigint; readonly end: bigint };
}

/** The text why an event's call cannot be known. */
export type Unknown = string;

type Get = (name: string, ...others: string[]) => bigint;

const { IOMMU_IOAS_MAP_FIXED_IOVA: FIXED, IOMMU_IOAS_MAP_READABLE: READ, IOMMU_IOAS_MAP_WRITEABLE: WRITE } = iommufd_ioas_map_flags;
const flags = (readonly: bigint): number => FIXED | READ | (readonly === 0n ? WRITE : 0);

/** By event; `get` throws for an argument that the line lacks. */
const CALLS: Readonly<Record<string, (get: Get) => QemuCall | Unknown>> = {
	iommufd_backend_alloc_ioas: (get) => ({ request: "IOMMU_IOAS_ALLOC", given: {}, made: { out_ioas_id: Number(get("ioas")) } }),
	iommufd_backend_map_dma: (get) => ({
		request: "IOMMU_IOAS_MAP",
		given: {
			flags: flags(get("readonly")),
			ioas_id: Number(get("ioas")),
			user_va: get("addr"),
			length: get("size"),
			iova: get("iova"),
		},
		memory: { addr: get("addr"), length: get("size"), prot: get("readonly") === 0n ? "rw" : "r" },
	}),
	iommufd_backend_map_file_dma: (get) => ({
		request: "IOMMU_IOAS_MAP_FILE",
		given: {
			flags: flags(get("readonly")),
			ioas_id: Number(get("ioas")),
			start: get("start"),
			length: get("size"),
			iova: get("iova"),
		},
		file: { fd: get("fd"), end: get("start") + get("size") },
	}),
	iommufd_backend_unmap_dma: unmapped,
	iommufd_backend_unmap_dma_non_exist: unmapped,
	iommufd_backend_free_id: (get) => ({ request: "IOMMU_DESTROY", given: { id: Number(get("id")) } }),
	iommufd_backend_alloc_hwpt: (get) =>
		get("len") > 0n
			? "the log has only the address of its data"
			: {
					request: "IOMMU_HWPT_ALLOC",
					given: {
						flags: Number(get("flags")),
						dev_id: Number(get("dev_id")),
						pt_id: Number(get("pt_id")),
						data_type: Number(get("hwpt_type")),
						data_uptr: get("data_ptr"),
					},
					made: { out_hwpt_id: Number(get("out_hwpt")) },
				},
	iommufd_backend_set_dirty: (get) => ({
		request: "IOMMU_HWPT_SET_DIRTY_TRACKING",
		given: { flags: Number(get("enable", "start")), hwpt_id: Number(get("hwpt", "hwpt_id")) },
	}),
	iommufd_backend_get_dirty_bitmap: () => "the log does not have the address of its bitmap",
	iommufd_backend_invalidate_cache: (get) =>
		get("entry_num") > 0n
			? "the log has only the address of its entries"
			: {
					request: "IOMMU_HWPT_INVALIDATE",
					given: {
						hwpt_id: Number(get("id", "hwpt_id")),
						data_uptr: get("data_ptr"),
						data_type: Number(get("data_type")),
						entry_len: Number(get("entry_len")),
					},
				},
	iommufd_backend_alloc_viommu: (get) =>
		get("type") === BigInt(iommu_viommu_type.IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV) || get("type") === BigInt(defines.IOMMU_VIOMMU_TYPE_SELFTEST)
			? "the log does not have its data"
			: {
					request: "IOMMU_VIOMMU_ALLOC",
					given: { type: Number(get("type")), dev_id: Number(get("dev_id")), hwpt_id: Number(get("hwpt_id")) },
					made: { out_viommu_id: Number(get("viommu_id")) },
				},
	iommufd_backend_alloc_vdev: (get) => ({
		request: "IOMMU_VDEVICE_ALLOC",
		given: { viommu_id: Number(get("viommu_id")), dev_id: Number(get("dev_id")), virt_id: get("virt_id") },
		made: { out_vdevice_id: Number(get("vdev_id")) },
	}),
	iommufd_viommu_alloc_eventq: () => "the log does not have its depth",
	iommufd_backend_alloc_hw_queue: (get) => ({
		request: "IOMMU_HW_QUEUE_ALLOC",
		given: {
			viommu_id: Number(get("viommu_id")),
			type: Number(get("type", "queue_type")),
			index: Number(get("index")),
			nesting_parent_iova: get("addr", "iova"),
			length: get("size", "length"),
		},
		made: { out_hw_queue_id: Number(get("queue_id", "hw_queue_id")) },
	}),
};

/** How many bytes it unmapped is not in the event. */
function unmapped(get: Get): QemuCall {
	return {
		request: "IOMMU_IOAS_UNMAP",
		given: { ioas_id: Number(get("ioas")), iova: get("iova"), length: get("size") },
		unknown: ["length"],
	};
}

/** What an event's line lacks. */
class Lacking extends Error {}

/** The call of an event, or why it cannot be known; undefined: the event stands for no call here. */
export function qemuCall(name: string, values: ReadonlyMap<string, bigint>): QemuCall | Unknown | undefined {
	const get: Get = (...names) => {
		const found = names.map((one) => values.get(one)).find((value) => value !== undefined);
		if (found === undefined) throw new Lacking(`the line does not have ${names[0]}`);
		return found;
	};
	try {
		return Object.hasOwn(CALLS, name) ? CALLS[name](get) : undefined;
	} catch (error) {
		if (error instanceof Lacking) return error.message;
		throw error;
	}
}

/** The struct's bytes with these fields and its size. */
export function structBytes(request: StructCall, values: Values): Buffer {
	const { struct } = ioctls[request];
	const [first] = struct.leaves;
	return Buffer.from(struct.encode({ ...values, [first.name]: struct.size } as Init<never>));
}
