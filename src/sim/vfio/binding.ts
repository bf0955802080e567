/** How VFIO devices are bound to an iommufd context and attached in it. */
import type { Ret } from "../../kernel/kernel.js";
import type { IommuDevice } from "../contract/device.js";
import { Access, type Owner } from "../iommufd/access.js";
import type { IommufdContext } from "../iommufd/context.js";
import { Device } from "../iommufd/device.js";
import { attachEmulatedChecks, attachPasidChecks, bindingChecks } from "./checks/device-file.js";

/** A VFIO device in a context, from bind to unbind. */
export interface Binding {
	readonly context: IommufdContext;
	/** the object's ID in the context */
	readonly id: number;
	/** Attach to an IOAS or page table, replacing what is attached. The ID for the caller, or minus the errno. */
	attach(id: number): Ret;
	detach(): void;
	/** undefined: PASIDs are not supported (EOPNOTSUPP) */
	attachPasid?(pasid: number, id: number): Ret;
	detachPasid?(pasid: number): void;
	/** detaches everything and releases the device */
	unbind(): void;
}

/** The highest PASID that VFIO can keep track of. */
const MAX_PASID = 0x7fffffff;

/** A device behind an IOMMU: an iommufd device object. */
export class PhysicalBinding implements Binding {
	#attached = false;
	/** PASIDs attached with the PASID flag, which may include 0 */
	readonly #pasids = new Set<number>();

	private constructor(
		readonly context: IommufdContext,
		readonly device: Device,
	) {}

	/** The errno of a proposal that refuses the device; -EPERM where interrupts are not isolated or another owner has the group. */
	static bind(context: IommufdContext, device: IommuDevice, isolated: boolean): PhysicalBinding | Ret {
		const refused = context.system.hooks.mayBind?.(context, device) ?? 0;
		if (refused < 0) return refused;
		if (!isolated) return context.system.reasons.fail(bindingChecks.notIsolated, device.name);
		const object = Device.bindTo(context, device);
		return typeof object === "number" ? object : new PhysicalBinding(context, object);
	}

	get id(): number {
		return this.device.id;
	}

	attach(id: number): Ret {
		const { device } = this;
		const rc = this.#attached ? device.replace(0, id) : device.attach(0, id);
		if (rc >= 0) this.#attached = true;
		return rc;
	}

	detach(): void {
		if (!this.#attached) return;
		this.device.detach(0);
		this.#attached = false;
	}

	attachPasid(pasid: number, id: number): Ret {
		const { device } = this;
		if (this.#pasids.has(pasid)) return device.replace(pasid, id);
		if (pasid > MAX_PASID) return this.context.system.reasons.fail(attachPasidChecks.pasidUntracked, pasid);
		const rc = device.attach(pasid, id);
		if (rc >= 0) this.#pasids.add(pasid);
		return rc;
	}

	detachPasid(pasid: number): void {
		if (this.#pasids.delete(pasid)) this.device.detach(pasid);
	}

	unbind(): void {
		for (const pasid of [...this.#pasids]) this.detachPasid(pasid);
		this.detach();
		this.device.unbind();
	}
}

const DRIVER: Owner = { name: "its driver", release: ({ id }) => ({ verb: "close", what: `the file of the device that is access ${id}` }) };

/** A device that is emulated in software: an access object, which can only be attached to an IOAS. */
export class EmulatedBinding implements Binding {
	readonly access: Access;

	constructor(readonly context: IommufdContext) {
		this.access = new Access(context, true, DRIVER);
		this.access.users++;
		context.finalize(this.access);
	}

	get id(): number {
		return this.access.id;
	}

	attach(id: number): Ret {
		const ioas = this.context.find(id, "ioas");
		if (ioas === undefined) return this.context.system.reasons.fail(attachEmulatedChecks.noIoas, id);
		const rc = this.access.attach(ioas);
		return rc < 0 ? rc : id;
	}

	detach(): void {
		this.access.detach();
	}

	unbind(): void {
		this.access.detach();
		this.access.users--;
		this.context.remove(this.access);
	}
}
