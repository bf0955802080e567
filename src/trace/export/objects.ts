/** Tracks which object each ID in a program's calls stands for. */
import { ioctls } from "../../../structs/index.js";
import type { IoctlStep, Step } from "../format.js";
import { requestNumber } from "../requests.js";
import { type Leaf, leavesOf, wholeStruct } from "../tools/fields.js";

/** An object's ID that a call returned, for later calls to use. */
export interface Made {
	/** what kind of object: `ioas`, `hwpt`, `idev` */
	readonly kind: string;
	readonly id: number;
	/** the field that returned it */
	readonly path: string;
}

/**
 * Which object an ID stands for, step by step. IDs belong to an open /dev/iommu; calls on a VFIO device's file use the
 * IDs of the context that the device is bound to.
 */
export class Objects<T> {
	readonly #contexts = new Map<string, Map<number, T>>();
	readonly #bound = new Map<string, string>();
	/** the context's file, by the file of a queue */
	readonly #owners = new Map<string, string>();

	/** The objects that a call makes: fields that return a new ID. */
	made(step: IoctlStep): Made[] {
		if (step.ret < 0 || step.out === undefined || step.arg === undefined) return [];
		const after = wholeStruct(step, step.out);
		if (after === undefined) return [];
		const ids = this.#idsFor(step);
		return leavesOf(after.type, after.values)
			.filter(
				({ field, value }) =>
					field.role === "id" && field.dir !== "in" && value !== 0 && !(field.dir === "inout" && ids.has(value as number)),
			)
			.map(({ field, value }) => ({ kind: kindOf(field.name), id: value as number, path: field.path }));
	}

	/** Remembers what stands for an ID. */
	keep(step: IoctlStep, id: number, object: T): void {
		this.#idsFor(step).set(id, object);
	}

	/** What stands for the ID in a field that the caller fills. */
	lookUp(step: IoctlStep, { field, value }: Leaf): T | undefined {
		if (field.role !== "id" || field.dir === "out") return undefined;
		return this.#idsFor(step).get(value as number);
	}

	/** What stands for an ID that was read from the file of a queue. */
	inFile(file: string, id: number): T | undefined {
		return this.#contexts.get(this.#owners.get(file) ?? "")?.get(id);
	}

	/** Takes note of the file that a step opens or binds. */
	follow(step: Step): void {
		if (step.op === "open" && step.fd !== undefined && step.path === "/dev/iommu") this.#contexts.set(step.fd, new Map());
		if (step.op === "ioctl") for (const file of Object.values(step.fd_out ?? {})) this.#owners.set(file, step.fd);
		if (step.op !== "ioctl" || requestNumber(step.request) !== ioctls.VFIO_DEVICE_BIND_IOMMUFD.request) return;
		const [context] = Object.values(step.fd_in ?? {});
		if (context !== undefined) this.#bound.set(step.fd, context);
	}

	#idsFor(step: IoctlStep): Map<number, T> {
		const name = this.#contexts.has(step.fd) ? step.fd : (this.#bound.get(step.fd) ?? Object.values(step.fd_in ?? {})[0] ?? step.fd);
		const ids = this.#contexts.get(name) ?? new Map<number, T>();
		this.#contexts.set(name, ids);
		return ids;
	}
}

/** `out_ioas_id`, `pt_id`, `out_devid`: the object in the name. */
function kindOf(name: string): string {
	return name.replace(/^out_/, "").replace(/_?id$/, "") || "object";
}
