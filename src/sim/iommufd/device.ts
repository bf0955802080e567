/** Devices bound to a context. */
import { EINVAL } from "../../kernel/errno.js";
import type { Ret } from "../../kernel/kernel.js";
import type { IommuDevice, IommuGroup } from "../contract/device.js";
import { automaticChecks, claimChecks, targetChecks } from "./checks/attach.js";
import { IommufdContext } from "./context.js";
import { DeviceGroup } from "./device-group.js";
import { Hwpt } from "./hwpt.js";
import { allocPaging } from "./hwpt-alloc.js";
import { Ioas } from "./ioas.js";
import { IommufdObject, type Outsider, type Release } from "./object.js";
import type { Vdevice } from "./vdevice.js";

declare module "./object.js" {
	interface ObjectTypes {
		device: Device;
	}
}

type Join = (pasid: number, hwpt: Hwpt) => Ret;

/** A device that a driver (VFIO, the selftest) has bound to the context. */
export class Device extends IommufdObject {
	readonly type = "device";
	vdevice: Vdevice | undefined;
	/** its driver has unbound it, but left PASIDs attached */
	abandoned = false;

	private constructor(
		context: IommufdContext,
		readonly device: IommuDevice,
		readonly group: DeviceGroup,
		readonly holdsContext: boolean,
	) {
		super(context);
		if (holdsContext) context.hold();
		this.users++; // the driver's reference: IOMMU_DESTROY cannot remove the object
		device.boundTo = this;
	}

	/**
	 * Bind a device: the object, or -EPERM where another context holds the group. A device of a driver outside of the
	 * context keeps the context alive; one that exists only in the context (the selftest's) is destroyed with it.
	 */
	static bindTo(context: IommufdContext, device: IommuDevice, holdsContext = true): Device | Ret {
		const { group } = device;
		if (!group.claim(context)) return context.system.reasons.fail(claimChecks.groupOwned, group.id, device.name, ownerOf(group));
		const object = new Device(context, device, DeviceGroup.of(context, device.group), holdsContext);
		context.finalize(object);
		return object;
	}

	/**
	 * The driver unbinds the device, which must be detached. Its vDEVICE is destroyed, but the vDEVICE's ID stays taken.
	 * A driver that leaves PASIDs attached leaves the object behind, and its page tables in use, until the context closes.
	 */
	unbind(): void {
		if (this.vdevice !== undefined) this.context.remove(this.vdevice, true);
		if (this.group.hasPasids(this)) {
			if (!this.abandoned)
				this.context.system.warn(`WARNING: ${this.device.name} was removed with PASIDs attached: the objects that they use stay EBUSY`);
			this.abandoned = true;
			if (!this.context.closing) return;
			this.group.detachAll(this);
		}
		this.users--;
		this.context.remove(this);
		this.device.requests.cancel(
			() => true,
			() => true,
		);
		this.device.boundTo = undefined;
		this.device.group.unclaim();
		this.context.system.hooks.unbound?.(this.device);
		if (this.holdsContext) this.context.release();
	}

	/** Attach to an IOAS or page table. The page table's ID, or minus the errno. */
	attach(pasid: number, id: number): Ret {
		return this.#change(id, pasid, false, (to, hwpt) => this.group.attach(this, to, hwpt));
	}

	/** The same for an attached device: the whole group moves, or nothing does. */
	replace(pasid: number, id: number): Ret {
		return this.#change(id, pasid, true, (to, hwpt) => this.group.replace(this, to, hwpt));
	}

	detach(pasid: number): void {
		this.group.detach(this, pasid);
	}

	#change(id: number, pasid: number, replacing: boolean, join: Join): Ret {
		const target = this.context.get(id);
		const { reasons } = this.context.system;
		if (target === undefined) return reasons.fail(targetChecks.noTarget, id);
		if (target instanceof Hwpt) {
			const rc = join(pasid, target);
			return rc < 0 ? rc : target.id;
		}
		if (target instanceof Ioas) return this.#attachAutomatic(target, pasid, replacing, join);
		return reasons.fail(targetChecks.badTarget, id, target);
	}

	#attachAutomatic(ioas: Ioas, pasid: number, replacing: boolean, join: Join): Ret {
		const { reasons } = this.context.system;
		let skipped = 0;
		for (const hwpt of [...ioas.hwpts]) {
			if (!hwpt.automatic) continue;
			const rc = join(pasid, hwpt);
			if (rc === -EINVAL) {
				// This table does not fit the device, but the next one may.
				skipped++;
				reasons.noteBecause(rc, automaticChecks.skipped, `${hwpt}`, ioas.id, this.id);
				continue;
			}
			if (rc >= 0 && skipped > 0) reasons.note(automaticChecks.taken, this.id, `${hwpt}`, "the next one");
			return rc < 0 ? rc : hwpt.id;
		}
		const hwpt = allocPaging(ioas, this, 0, undefined, replacing ? undefined : (h) => join(pasid, h));
		if (typeof hwpt === "number") return hwpt;
		if (replacing) {
			const rc = join(pasid, hwpt);
			if (rc < 0) {
				this.context.abort(hwpt);
				return rc;
			}
		}
		hwpt.automatic = true;
		this.context.finalize(hwpt);
		if (skipped > 0) reasons.note(automaticChecks.taken, this.id, `${hwpt}`, "a new one");
		return hwpt.id;
	}

	override holds(): readonly IommufdObject[] {
		const { attachments } = this.group;
		return [...attachments.values()].filter(({ devices }) => devices.has(this)).map(({ hwpt }) => hwpt);
	}

	override get heldFrom(): Outsider | undefined {
		if (this.abandoned)
			return { who: "a driver that left PASIDs attached", verb: "close", what: "every file of the context, /dev/iommu included" };
		return this.holdsContext ? { who: "its driver", verb: "close", what: "the device's file" } : undefined;
	}

	override get release(): Release | undefined {
		if (this.abandoned) return this.heldFrom;
		// The selftest's device goes with its owner.
		return this.holdsContext ? { verb: "detach", what: `device ${this.id}` } : undefined;
	}

	override contextCloses(): void {
		if (this.abandoned) this.unbind();
	}

	override destroy(): void {
		this.group.forget();
	}
}

/** Who owns a group, in words: contexts count from 1 in the order in which they were opened. */
function ownerOf({ owner, devices }: IommuGroup): () => string {
	return () => {
		if (!(owner instanceof IommufdContext)) return "a driver of the host";
		const number = [...owner.system.contexts].indexOf(owner) + 1;
		const bound = devices.flatMap(({ boundTo, name }) => (boundTo instanceof Device ? `${name} as device ${boundTo.id}` : []));
		return `context ${number}, which has ${bound.join(" and ")}`;
	};
}
