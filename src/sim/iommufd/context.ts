import { EBUSY, ENOENT } from "../../kernel/errno.js";
import type { Ret } from "../../kernel/kernel.js";
import type { IommuDevice } from "../contract/device.js";
import type { KernelServices } from "../process/services.js";
import type { DeviceGroup } from "./device-group.js";
import type { Ioas } from "./ioas.js";
import { MmapRegions } from "./mmap-regions.js";
import type { IommufdObject, ObjectType, ObjectTypes } from "./object.js";

/** What iommufd asks of the kernel that it is in. */
export interface IommufdSystem extends KernelServices {
	/** contexts that some file still holds */
	readonly contexts: Set<IommufdContext>;
	readonly hooks: IommufdHooks;
}

/** Where proposals hook into iommufd. Read at every call: they may be set at any time. */
export interface IommufdHooks {
	/** May the device become one of the context's? Minus the errno if not. */
	mayBind?: (context: IommufdContext, device: IommuDevice) => Ret;
}

/** One open /dev/iommu: its objects and their IDs. Lives until the last file that holds it is closed. */
export class IommufdContext {
	readonly #objects = new Map<number, IommufdObject>();
	/** IDs that are in use without naming an object: being made, or tombstones of vDEVICEs */
	readonly #taken = new Set<number>();
	#lowestFree = 1;
	#references = 1;
	/** the IOAS that the VFIO compatibility calls work on */
	vfioIoas: Ioas | undefined;
	/** the last file has let go */
	closing = false;
	/** VFIO_NOIOMMU_IOMMU was chosen for it */
	noIommu = false;
	/** IOMMU_OPTION_RLIMIT_MODE */
	rlimitMode = 0;
	/** by the machine's group: which of them this context holds */
	readonly groups = new Map<object, DeviceGroup>();

	/** what an mmap of the file shows, by offset */
	readonly mappable = new MmapRegions();

	constructor(
		readonly system: IommufdSystem,
		/** the kernel has the selftest driver */
		readonly selftest = false,
	) {}

	get objects(): Iterable<IommufdObject> {
		return this.#objects.values();
	}

	/** true if no ID is in use */
	get empty(): boolean {
		return this.#objects.size === 0 && this.#taken.size === 0;
	}

	takeId(): number {
		let id = this.#lowestFree;
		while (this.#objects.has(id) || this.#taken.has(id)) id++;
		this.#taken.add(id);
		this.#lowestFree = id + 1;
		return id;
	}

	/** The object is complete: calls can find it from now on. */
	finalize(object: IommufdObject): void {
		this.#taken.delete(object.id);
		this.#objects.set(object.id, object);
	}

	/** The object could not be completed: it goes, and its ID is free again. */
	abort(object: IommufdObject): void {
		this.#free(object.id);
		object.destroy();
	}

	get(id: number): IommufdObject | undefined {
		return this.#objects.get(id);
	}

	/** The object with this ID if it is of the type. */
	find<T extends ObjectType>(id: number, type: T): ObjectTypes[T] | undefined {
		const object = this.#objects.get(id);
		return object?.type === type ? (object as ObjectTypes[T]) : undefined;
	}

	/** IOMMU_DESTROY: -ENOENT, -EBUSY while something uses it. */
	destroyById(id: number): Ret {
		const object = this.#objects.get(id);
		if (object === undefined) return -ENOENT;
		if (object.users > 0) return -EBUSY;
		this.remove(object);
		return 0;
	}

	/** Take the object out and destroy it, whoever uses it; with `tombstone` its ID is never given out again. */
	remove(object: IommufdObject, tombstone = false): void {
		if (this.#objects.get(object.id) !== object) return;
		this.#free(object.id);
		if (tombstone) this.#taken.add(object.id);
		if (this.vfioIoas === (object as unknown)) this.vfioIoas = undefined;
		object.destroy();
	}

	hold(): void {
		this.#references++;
	}

	/** A file lets go; the last one destroys all, leaves first. */
	release(): void {
		if (--this.#references > 0) return;
		this.system.contexts.delete(this);
		this.closing = true;
		for (const object of [...this.#objects.values()]) object.contextCloses();
		let progress = true;
		while (this.#objects.size > 0 && progress) {
			progress = false;
			// What holds others was made after them, as a rule.
			for (const object of [...this.#objects.values()].reverse()) {
				if (object.users > 0 || !this.#objects.has(object.id)) continue;
				this.remove(object);
				progress = true;
			}
		}
	}

	#free(id: number): void {
		this.#objects.delete(id);
		this.#taken.delete(id);
		if (id < this.#lowestFree) this.#lowestFree = id;
	}
}
