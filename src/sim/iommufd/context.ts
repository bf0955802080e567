/** The state of an open /dev/iommu. */
import type { Ret } from "../../kernel/kernel.js";
import type { IommuDevice, IommuGroup } from "../contract/device.js";
import type { Domain } from "../contract/domain.js";
import type { KernelServices } from "../process/services.js";
import { destroyChecks } from "./checks/dispatch.js";
import type { DeviceGroup } from "./device-group.js";
import { holdersOf } from "./holders.js";
import type { Ioas } from "./ioas.js";
import { MmapRegions } from "./mmap-regions.js";
import type { IommufdObject, ObjectType, ObjectTypes } from "./object.js";

/** Services that iommufd needs of the kernel. */
export interface IommufdSystem extends KernelServices {
	/** contexts that a file still holds */
	readonly contexts: Set<IommufdContext>;
	readonly hooks: IommufdHooks;
	/** requests that the programs take for calls which this kernel does not have, whatever it has at their numbers */
	readonly replaced: ReadonlySet<number> | undefined;
}

/** Hooks into iommufd for proposals. They may be set at any time, so they are read at every call. */
export interface IommufdHooks {
	/** Whether the context may bind the device: 0 or minus the errno. */
	mayBind?: (context: IommufdContext, device: IommuDevice) => Ret;
	/** Whether the page table may be attached for the group's PASID (0: without PASID): 0 or minus the errno. */
	mayAttach?: (group: IommuGroup, pasid: number, domain: Domain) => Ret;
	/** Called when a context has given the device back. */
	unbound?: (device: IommuDevice) => void;
}

/** One open /dev/iommu: its objects and their IDs. It lives until the last file that holds it is closed. */
export class IommufdContext {
	readonly #objects = new Map<number, IommufdObject>();
	/** IDs of objects under construction; there is rarely more than one, and a set that becomes empty again and again is slow */
	readonly #unfinished: number[] = [];
	/** IDs in use that name no object: tombstones of vDEVICEs */
	readonly #tombstones = new Set<number>();
	#lowestFree = 1;
	#references = 1;
	/** the IOAS that the VFIO compatibility calls work on */
	vfioIoas: Ioas | undefined;
	/** the last reference was dropped */
	closing = false;
	/** VFIO_NOIOMMU_IOMMU was chosen for it */
	noIommu = false;
	/** IOMMU_OPTION_RLIMIT_MODE */
	rlimitMode = 0;
	/** the groups that this context holds, by the machine's group */
	readonly groups = new Map<object, DeviceGroup>();

	/** the memory that can be mapped through the file, by offset */
	readonly mappable = new MmapRegions();

	constructor(
		readonly system: IommufdSystem,
		/** whether the kernel has the selftest driver */
		readonly selftest = false,
	) {}

	get objects(): Iterable<IommufdObject> {
		return this.#objects.values();
	}

	/** true if no ID is in use */
	get empty(): boolean {
		return this.#objects.size === 0 && this.#unfinished.length === 0 && this.#tombstones.size === 0;
	}

	takeId(): number {
		let id = this.#lowestFree;
		while (this.#objects.has(id) || this.#unfinished.includes(id) || this.#tombstones.has(id)) id++;
		this.#unfinished.push(id);
		this.#lowestFree = id + 1;
		return id;
	}

	/** Publish a complete object: calls can find it from now on. */
	finalize(object: IommufdObject): void {
		this.#finish(object.id);
		this.#objects.set(object.id, object);
	}

	/** Destroy an object that could not be completed and free its ID. */
	abort(object: IommufdObject): void {
		this.#free(object.id);
		object.destroy();
	}

	get(id: number): IommufdObject | undefined {
		return this.#objects.get(id);
	}

	/** The object with this ID, if it has the type. */
	find<T extends ObjectType>(id: number, type: T): ObjectTypes[T] | undefined {
		const object = this.#objects.get(id);
		return object?.type === type ? (object as ObjectTypes[T]) : undefined;
	}

	/** IOMMU_DESTROY: -ENOENT, or -EBUSY while the object is in use. */
	destroyById(id: number): Ret {
		const object = this.#objects.get(id);
		const { reasons } = this.system;
		if (object === undefined) return reasons.fail(destroyChecks.noObject, id);
		if (object.users > 0) return reasons.fail(destroyChecks.inUse, object, () => holdersOf(this, object));
		this.remove(object);
		return 0;
	}

	/** Remove and destroy the object even if it is in use; with `tombstone` its ID is never reused. */
	remove(object: IommufdObject, tombstone = false): void {
		if (this.#objects.get(object.id) !== object) return;
		this.#free(object.id);
		if (tombstone) this.#tombstones.add(object.id);
		if (this.vfioIoas === (object as unknown)) this.vfioIoas = undefined;
		object.destroy();
	}

	hold(): void {
		this.#references++;
	}

	/** Drop a reference; the last one destroys all objects, leaves first. */
	release(): void {
		if (--this.#references > 0) return;
		this.system.contexts.delete(this);
		this.closing = true;
		for (const object of [...this.#objects.values()]) object.contextCloses();
		let progress = true;
		while (this.#objects.size > 0 && progress) {
			progress = false;
			// Objects usually hold only objects that are older.
			for (const object of [...this.#objects.values()].reverse()) {
				if (object.users > 0 || !this.#objects.has(object.id)) continue;
				this.remove(object);
				progress = true;
			}
		}
	}

	#finish(id: number): void {
		const at = this.#unfinished.lastIndexOf(id);
		if (at >= 0 && at === this.#unfinished.length - 1) this.#unfinished.pop();
		else if (at >= 0) this.#unfinished.splice(at, 1);
	}

	#free(id: number): void {
		this.#objects.delete(id);
		this.#finish(id);
		if (id < this.#lowestFree) this.#lowestFree = id;
	}
}
