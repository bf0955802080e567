/** A context's view of an IOMMU group. */
import type { Ret } from "../../kernel/kernel.js";
import type { AttachHandle, IommuGroup } from "../contract/device.js";
import { requestsWith } from "../contract/page-request.js";
import { joinChecks, moveChecks, tablePasidChecks } from "./checks/attach.js";
import type { IommufdContext } from "./context.js";
import type { Device } from "./device.js";
import { type Hwpt, HwptPaging } from "./hwpt.js";

interface Attachment {
	hwpt: Hwpt;
	handle: AttachHandle;
	readonly devices: Set<Device>;
}

/** The attachments of a group's devices, which are attached together, by PASID (0: no PASID). */
export class DeviceGroup {
	readonly attachments = new Map<number, Attachment>();
	#objects = 0;

	private constructor(
		readonly context: IommufdContext,
		readonly group: IommuGroup,
	) {}

	static of(context: IommufdContext, group: IommuGroup): DeviceGroup {
		let found = context.groups.get(group);
		if (found === undefined) {
			found = new DeviceGroup(context, group);
			context.groups.set(group, found);
		}
		found.#objects++;
		return found;
	}

	forget(): void {
		if (--this.#objects === 0) this.context.groups.delete(this.group);
	}

	attach(device: Device, pasid: number, hwpt: Hwpt): Ret {
		const present = this.attachments.get(pasid);
		const { system } = this.context;
		const { reasons } = system;
		if (present?.devices.has(device)) return reasons.fail(joinChecks.deviceAttached, device.id, present.hwpt, requestsWith(pasid));
		if (present !== undefined && present.hwpt !== hwpt) {
			const [other] = present.devices;
			return reasons.fail(joinChecks.groupElsewhere, other.id, present.hwpt);
		}
		if (!system.allocation()) return reasons.fail(joinChecks.attachMemory, system.allocations);
		let rc = pasid === 0 ? reserve(device, hwpt.paging) : 0;
		if (rc < 0) return rc;
		if (present !== undefined) present.devices.add(device);
		else {
			const handle: AttachHandle = { domain: hwpt.domain, owner: device };
			rc = this.#mayAttach(device, hwpt, pasid);
			if (rc === 0) rc = this.group.attach(pasid, handle);
			if (rc < 0) {
				if (pasid === 0) unreserve(device, hwpt.paging);
				return rc;
			}
			this.attachments.set(pasid, { hwpt, handle, devices: new Set([device]) });
		}
		hwpt.users++;
		return 0;
	}

	replace(device: Device, pasid: number, hwpt: Hwpt): Ret {
		const present = this.attachments.get(pasid);
		const { system } = this.context;
		const { reasons } = system;
		if (present === undefined || !present.devices.has(device))
			return reasons.fail(moveChecks.deviceNotAttached, device.id, requestsWith(pasid));
		const old = present.hwpt;
		if (old === hwpt) return 0;
		if (!system.allocation()) return reasons.fail(moveChecks.replaceMemory, system.allocations);
		const moves = pasid === 0 && old.paging.ioas !== hwpt.paging.ioas;
		let rc: Ret = 0;
		const reserved: Device[] = [];
		if (moves) {
			for (const member of present.devices) {
				rc = reserve(member, hwpt.paging);
				if (rc < 0) break;
				reserved.push(member);
			}
		}
		if (rc < 0) {
			for (const member of reserved) unreserve(member, hwpt.paging);
			return rc;
		}
		const handle: AttachHandle = { domain: hwpt.domain, owner: device };
		rc = this.#mayAttach(device, hwpt, pasid);
		if (rc === 0) rc = this.group.attach(pasid, handle);
		if (rc < 0) {
			// Linux removes the reservations even where the old table, which stays, needs them in the same IOAS.
			if (pasid === 0) for (const member of present.devices) unreserve(member, hwpt.paging);
			return rc;
		}
		old.faultQueue?.abandon(present.handle);
		if (moves) for (const member of present.devices) unreserve(member, old.paging);
		present.hwpt = hwpt;
		present.handle = handle;
		for (const _ of present.devices) {
			hwpt.users++;
			this.#put(old);
		}
		return 0;
	}

	detach(device: Device, pasid: number): void {
		const present = this.attachments.get(pasid);
		if (!present?.devices.delete(device)) return;
		const { hwpt } = present;
		if (present.devices.size === 0) {
			this.attachments.delete(pasid);
			this.group.detach(pasid);
			hwpt.faultQueue?.abandon(present.handle);
		}
		device.device.requests.cancel(
			({ handle }) => handle === present.handle,
			(request) => (request.pasid ?? 0) === pasid || (pasid === 0 && !this.attachments.has(request.pasid ?? 0)),
		);
		if (pasid === 0) unreserve(device, hwpt.paging);
		this.#put(hwpt);
	}

	/** Whether anything is attached for a PASID of the device. */
	hasPasids(device: Device): boolean {
		for (const [pasid, { devices }] of this.attachments) if (pasid !== 0 && devices.has(device)) return true;
		return false;
	}

	detachAll(device: Device): void {
		for (const pasid of [...this.attachments.keys()]) this.detach(device, pasid);
	}

	#mayAttach(device: Device, hwpt: Hwpt, pasid: number): Ret {
		const rc = this.#pasidFits(device, hwpt, pasid);
		const { mayAttach } = this.context.system.hooks;
		return rc < 0 || mayAttach === undefined ? rc : mayAttach(this.group, pasid, hwpt.domain);
	}

	/** -EINVAL if the device has no such PASID, or PASIDs would be mixed with a table not made for them. */
	#pasidFits(device: Device, hwpt: Hwpt, pasid: number): Ret {
		const { reasons } = this.context.system;
		const { device: hardware } = device;
		if (pasid !== 0 && !hardware.pasidValid(pasid))
			return reasons.fail(tablePasidChecks.pasidTooHigh, pasid, hardware.name, hardware.pasids);
		if (hwpt.pasidCompatible) {
			const own = this.attachments.get(0)?.hwpt;
			return pasid !== 0 && own !== undefined && !own.pasidCompatible ? reasons.fail(tablePasidChecks.ownTable, own) : 0;
		}
		if (pasid !== 0) return reasons.fail(tablePasidChecks.tableForPasid, hwpt);
		for (const other of this.attachments.keys()) if (other !== 0) return reasons.fail(tablePasidChecks.pasidsAttached, hwpt, other);
		return 0;
	}

	/** Drop a user; an automatic table is destroyed with its last. */
	#put(hwpt: Hwpt): void {
		hwpt.users--;
		if (hwpt instanceof HwptPaging && hwpt.automatic && hwpt.users === 0) this.context.remove(hwpt);
	}
}

/** Keep the device's reserved regions out of the IOAS: -EADDRINUSE where a mapping is in the way. */
function reserve(device: Device, hwpt: HwptPaging): Ret {
	for (const { start, last, what } of device.device.reserved) {
		const rc = hwpt.ioas.space.reserve(start, last, device, `${what} of ${device.device.name}`);
		if (rc < 0) {
			unreserve(device, hwpt);
			return rc;
		}
	}
	return 0;
}

function unreserve(device: Device, hwpt: HwptPaging): void {
	hwpt.ioas.space.unreserve(device);
}
