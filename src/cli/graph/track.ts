/** Follows the calls to a kernel that cannot be inspected: which objects were made here, and what became of them. */
import {
	type Ioctl,
	type IommuCall,
	ioctlByRequest,
	ioctls,
	iommu_test_op,
	isMadeObject,
	type MadeObject,
	type StructType,
} from "../../../structs/index.js";
import { type IoctlArg, isForkCapable, type Kernel, type Ret } from "../../kernel/kernel.js";
import { wrapKernel } from "../../kernel/wrap.js";
import { mergeMap } from "../frame/merge.js";
import { hex } from "../frame/text.js";
import type { Area, GraphObject, IoasView, Known, Range } from "./model.js";

type Values = Readonly<Record<string, number | bigint>>;

interface Space {
	areas: Area[];
	allowed: Range[];
}

/** One /dev/iommu. */
class Tracked {
	readonly objects = new Map<number, GraphObject>();
	readonly spaces = new Map<number, Space>();

	add(id: number | bigint, type: string, rest: Partial<GraphObject> = {}): void {
		this.objects.set(Number(id), { id: Number(id), type, refs: [], details: {}, ...rest });
		if (type === "ioas") this.spaces.set(Number(id), { areas: [], allowed: [] });
	}

	change(id: number, change: Partial<GraphObject>): void {
		const object = this.objects.get(id);
		if (object) this.objects.set(id, { ...object, ...change });
	}

	remove(id: number): void {
		const object = this.objects.get(id);
		this.objects.delete(id);
		this.spaces.delete(id);
		// A mock device goes with what owns it.
		if (object?.type === "selftest") for (const { id: owned } of object.refs) this.remove(owned);
		if (object?.type === "device") this.left(object.parent);
	}

	/** A device is attached to `asked`, an IOAS or a page table, which came to be `table`; undefined: to nothing. */
	move(device: number, asked: number | undefined, table: number | undefined): void {
		if (table !== undefined && asked !== undefined && !this.objects.has(table)) {
			this.add(table, "hwpt-paging", { parent: asked, details: { automatic: true } });
		}
		const old = this.objects.get(device)?.parent;
		this.change(device, { parent: table });
		if (old !== table) this.left(old);
	}

	/** A table that came by attaching goes with its last device. */
	left(table: number | undefined): void {
		const object = table === undefined ? undefined : this.objects.get(table);
		if (object?.details.automatic !== true) return;
		if (![...this.objects.values()].some(({ parent }) => parent === object.id)) this.remove(object.id);
	}

	map(ioas: number | bigint, start: bigint, length: bigint, flags: number | bigint, from: string): void {
		const area = { start, last: start + length - 1n, writable: (Number(flags) & 2) !== 0, readable: (Number(flags) & 4) !== 0, from };
		this.spaces.get(Number(ioas))?.areas.push(area);
	}

	unmap(ioas: number | bigint, iova: bigint, length: bigint): void {
		const space = this.spaces.get(Number(ioas));
		if (space) space.areas = space.areas.filter(({ start, last }) => start < iova || last > iova + length - 1n);
	}
}

type Follow = (context: Tracked, before: Values, after: Values, kernel: Kernel) => void;

const big = (value: number | bigint): bigint => BigInt(value);

/** A field by its path: union members' are one level down. */
const at = (values: Values, path: string): number | bigint =>
	path.split(".").reduce((value, name) => value[name] as unknown as Values, values) as unknown as number | bigint;

/** A call that makes one object, of which `rest` says more; type and ID are in the call's row. */
function makes(call: IommuCall, rest: (before: Values, context: Tracked) => Partial<GraphObject> = () => ({})): Follow {
	const made = (ioctls[call] as Ioctl).makes?.find(isMadeObject) as MadeObject;
	return (context, before, after) => context.add(at(after, made.id), made.object, rest(before, context));
}

/** A mock device, a page table that comes with it, and their owner. */
function mockDevice(context: Tracked, { op, id }: Values, after: Values): void {
	const made = (ioctls.IOMMU_TEST_CMD as Ioctl).makes?.filter(isMadeObject).filter((one) => one.op === Number(op)) ?? [];
	const ids = Object.fromEntries(made.map((one) => [one.object, at(after, one.id)]));
	if (made.length === 0) return;
	context.add(ids.hwpt, "hwpt-paging", { parent: Number(id), details: { automatic: true } });
	context.add(ids.device, "device", { parent: Number(ids.hwpt), details: { name: "mock" } });
	context.add(ids.selftest, "selftest", { refs: [{ what: "owns", id: Number(ids.device) }] });
}

/** What each call changes, by its struct as it was before and after; null: nothing. `device`: what its file belongs to, see Tracker. */
const followers = {
	IOMMU_DESTROY: (context, { id }) => context.remove(Number(id)),
	IOMMU_IOAS_ALLOC: makes("IOMMU_IOAS_ALLOC"),
	IOMMU_IOAS_MAP: (context, { ioas_id, length, flags, user_va }, { iova }) =>
		context.map(ioas_id, big(iova), big(length), flags, `user ${hex(user_va)}`),
	IOMMU_IOAS_MAP_FILE: (context, { ioas_id, length, flags, fd }, { iova }) =>
		context.map(ioas_id, big(iova), big(length), flags, `file ${fd}`),
	IOMMU_IOAS_COPY: (context, { dst_ioas_id, src_ioas_id, length, flags }, { dst_iova }) =>
		context.map(dst_ioas_id, big(dst_iova), big(length), flags, `ioas ${src_ioas_id}`),
	IOMMU_IOAS_UNMAP: (context, { ioas_id, iova, length }) => context.unmap(ioas_id, big(iova), big(length)),
	IOMMU_IOAS_ALLOW_IOVAS(context, { ioas_id, num_iovas, allowed_iovas }, _, kernel) {
		const space = context.spaces.get(Number(ioas_id));
		const bytes = new Uint8Array(Math.min(Number(num_iovas), 1024) * 16);
		if (!space || kernel.peek(big(allowed_iovas), bytes) < 0) return;
		const words = new BigUint64Array(bytes.buffer);
		space.allowed = Array.from({ length: words.length / 2 }, (_, at) => ({ start: words[2 * at], last: words[2 * at + 1] }));
	},
	IOMMU_IOAS_IOVA_RANGES: null,
	IOMMU_IOAS_CHANGE_PROCESS: null,
	IOMMU_IOAS_NOIOMMU_GET_PA: null,
	IOMMU_OPTION: null,
	IOMMU_VFIO_IOAS: null,
	IOMMU_GET_HW_INFO: null,
	IOMMU_HWPT_ALLOC(context, { dev_id, pt_id, flags, fault_id }, { out_hwpt_id }) {
		const nested = context.objects.get(Number(pt_id))?.type !== "ioas";
		const refs = [{ what: "made for", id: Number(dev_id) }];
		if (Number(flags) & 4) refs.push({ what: "faults to", id: Number(fault_id) });
		const details: GraphObject["details"] = Number(flags) & 1 ? { "nesting parent": true } : {};
		context.add(out_hwpt_id, nested ? "hwpt-nested" : "hwpt-paging", { parent: Number(pt_id), refs, details });
	},
	IOMMU_HWPT_SET_DIRTY_TRACKING: null,
	IOMMU_HWPT_GET_DIRTY_BITMAP: null,
	IOMMU_HWPT_INVALIDATE: null,
	IOMMU_FAULT_QUEUE_ALLOC: makes("IOMMU_FAULT_QUEUE_ALLOC"),
	IOMMU_VIOMMU_ALLOC: makes("IOMMU_VIOMMU_ALLOC", ({ hwpt_id, type }) => ({ parent: Number(hwpt_id), details: { type: Number(type) } })),
	IOMMU_VDEVICE_ALLOC: makes("IOMMU_VDEVICE_ALLOC", ({ viommu_id, dev_id, virt_id }) => ({
		parent: Number(viommu_id),
		refs: [{ what: "of", id: Number(dev_id) }],
		details: { "virtual ID": hex(virt_id) },
	})),
	IOMMU_VEVENTQ_ALLOC: makes("IOMMU_VEVENTQ_ALLOC", ({ viommu_id, type, veventq_depth }) => ({
		parent: Number(viommu_id),
		details: { type: Number(type), depth: Number(veventq_depth) },
	})),
	IOMMU_HW_QUEUE_ALLOC: makes("IOMMU_HW_QUEUE_ALLOC", ({ viommu_id, nesting_parent_iova }) => ({
		parent: Number(viommu_id),
		details: { iova: hex(nesting_parent_iova) },
	})),
	IOMMU_TEST_CMD(context, before, after) {
		if (Number(before.op) !== iommu_test_op.IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE) return mockDevice(context, before, after);
		const table = Number(at(after, "mock_domain_replace.pt_id"));
		const device = context.objects.get(Number(before.id))?.refs[0]?.id;
		if (device !== undefined) context.move(device, table, table);
	},
	VFIO_DEVICE_BIND_IOMMUFD: "device",
	VFIO_DEVICE_ATTACH_IOMMUFD_PT: "device",
	VFIO_DEVICE_DETACH_IOMMUFD_PT: "device",
	VFIO_DEVICE_GET_INFO: null,
	VFIO_DEVICE_FEATURE: null,
	VFIO_GET_API_VERSION: null,
	VFIO_CHECK_EXTENSION: null,
	VFIO_SET_IOMMU: null,
	VFIO_IOMMU_GET_INFO: null,
	VFIO_IOMMU_MAP_DMA: null,
	VFIO_IOMMU_UNMAP_DMA: null,
	VFIO_IOMMU_ENABLE: null,
	VFIO_IOMMU_DISABLE: null,
	VFIO_IOMMU_DIRTY_PAGES: null,
} satisfies Record<IommuCall, Follow | "device" | null>;

const followerOf = ({ name }: Ioctl): Follow | "device" | null => followers[name as IommuCall];

/** What a tracker knows, for another thread. */
export interface TrackerState {
	readonly contexts: ReadonlyMap<
		number,
		{ readonly objects: ReadonlyMap<number, GraphObject>; readonly spaces: ReadonlyMap<number, Space> }
	>;
	readonly devices: ReadonlyMap<number, { readonly context: number; readonly id: number }>;
}

/** Files and objects that were made through one kernel. */
export class Tracker implements Known {
	readonly source = "recorded";
	/** by file */
	readonly #contexts = new Map<number, Tracked>();
	readonly #devices = new Map<number, { readonly context: number; readonly id: number }>();
	readonly #kernel: Kernel;

	constructor(kernel: Kernel) {
		this.#kernel = kernel;
	}

	contexts(): { objects: GraphObject[] }[] {
		return [...this.#contexts.values()].map(({ objects }) => ({ objects: [...objects.values()] }));
	}

	ioas(id: number): IoasView | undefined {
		for (const { spaces } of this.#contexts.values()) {
			const space = spaces.get(id);
			if (!space) continue;
			const areas = [...space.areas].sort((a, b) => (a.start < b.start ? -1 : 1));
			return { id, areas, reserved: [], allowed: space.allowed, alignment: 1n };
		}
		return undefined;
	}

	/** An ioctl that succeeded. */
	succeeded(fd: number, call: Ioctl, before: Values, after: Values): void {
		const follow = followerOf(call);
		if (follow !== "device") follow?.(this.#context(fd), before, after, this.#kernel);
		else if (call === ioctls.VFIO_DEVICE_BIND_IOMMUFD) {
			this.#context(Number(before.iommufd)).add(after.out_devid, "device", { details: { file: fd } });
			this.#devices.set(fd, { context: Number(before.iommufd), id: Number(after.out_devid) });
		} else this.#moved(fd, call, before, after);
	}

	/** A device that is attached to an IOAS hangs from it: which page table that means is in the answer. */
	#moved(fd: number, call: Ioctl, before: Values, after: Values): void {
		const device = this.#devices.get(fd);
		if (!device || Number(before.flags) !== 0) return;
		const context = this.#context(device.context);
		const attaches = call === ioctls.VFIO_DEVICE_ATTACH_IOMMUFD_PT;
		if (attaches) context.move(device.id, Number(before.pt_id), Number(after.pt_id));
		else context.move(device.id, undefined, undefined);
	}

	/** All that it knows, as plain values. */
	state(): TrackerState {
		const contexts = [...this.#contexts].map(
			([fd, { objects, spaces }]) => [fd, { objects: new Map(objects), spaces: structuredClone(spaces) }] as const,
		);
		return { contexts: new Map(contexts), devices: new Map(this.#devices) };
	}

	/** Learns what came of calls that another thread made. */
	merge(before: TrackerState, after: TrackerState): void {
		const nothing = { objects: new Map(), spaces: new Map() };
		for (const [fd, known] of after.contexts) {
			const { objects, spaces } = this.#context(fd);
			mergeMap(objects, (before.contexts.get(fd) ?? nothing).objects, known.objects);
			mergeMap(spaces, (before.contexts.get(fd) ?? nothing).spaces, known.spaces);
		}
		for (const fd of before.contexts.keys()) if (!after.contexts.has(fd)) this.#contexts.delete(fd);
		mergeMap(this.#devices, before.devices, after.devices);
	}

	closed(fd: number): void {
		this.#contexts.delete(fd);
		const device = this.#devices.get(fd);
		if (device) this.#contexts.get(device.context)?.remove(device.id);
		this.#devices.delete(fd);
	}

	#context(fd: number): Tracked {
		let found = this.#contexts.get(fd);
		if (!found) {
			found = new Tracked();
			this.#contexts.set(fd, found);
		}
		return found;
	}
}

/** A child's kernel: what it does on its parent's files is told too. Files that it opens are its own, under numbers that the parent may use. */
function trackingChild(kernel: Kernel, tracker: Tracker): Kernel {
	const own = new Set<number>();
	const told = tracking(kernel, tracker);
	return wrapKernel(kernel, {
		open(path, flags) {
			const fd = kernel.open(path, flags);
			if (fd >= 0) own.add(fd);
			return fd;
		},
		close: (fd) => kernel.close(fd),
		ioctl: (fd, request, arg) => (own.has(fd) ? kernel : told).ioctl(fd, request, arg),
	});
}

/** The same kernel, with everything that passes through it told to `tracker`. */
export function tracking(kernel: Kernel, tracker: Tracker): Kernel {
	const bytesOf = (struct: StructType, arg: IoctlArg): Uint8Array => {
		const bytes = new Uint8Array(struct.size);
		if (typeof arg !== "bigint") bytes.set(arg.subarray(0, struct.size));
		else kernel.peek(arg, bytes);
		return bytes;
	};
	const ioctl = (fd: number, request: number, arg: IoctlArg): Ret => {
		const call = ioctlByRequest(request);
		if (!call?.struct || followerOf(call) === null) return kernel.ioctl(fd, request, arg);
		const before = call.struct.decode(bytesOf(call.struct, arg)) as Values;
		const ret = kernel.ioctl(fd, request, arg);
		if (ret >= 0) tracker.succeeded(fd, call, before, call.struct.decode(bytesOf(call.struct, arg)) as Values);
		return ret;
	};
	const close = (fd: number): Ret => {
		const ret = kernel.close(fd);
		if (ret >= 0) tracker.closed(fd);
		return ret;
	};
	return wrapKernel(kernel, {
		ioctl,
		close,
		...(isForkCapable(kernel) && { fork: (name: string) => trackingChild(kernel.fork(name), tracker) }),
	});
}
