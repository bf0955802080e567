/** Asks GET_HW_INFO of one VFIO device behind each IOMMU of the running system. */
import { iommuOn } from "../../client/iommu.js";
import type { Kernel } from "../../kernel/kernel.js";
import { iommuPath } from "../frame/kernel-choice.js";
import type { Host } from "./host.js";

const devicesFolder = "/sys/bus/pci/devices";
/** room for any driver's struct, in bytes */
const ROOM = 256;

/**
 * The driver's struct by the IOMMU's name in sysfs. A device is opened, bound to a context of its own and closed again, which resets it; one
 * that is in use stays out, and the next one behind the same IOMMU is tried.
 */
export function hwInfoByUnit(host: Host, kernel: Kernel): Map<string, Uint8Array> {
	const found = new Map<string, Uint8Array>();
	const iommufd = kernel.open(iommuPath);
	const data_uptr = kernel.mmap({ addr: 0n, length: BigInt(ROOM), prot: 3 });
	if (iommufd < 0 || data_uptr < 0n) return found;
	for (const bdf of host.list(devicesFolder)) {
		const unit = host.link(`${devicesFolder}/${bdf}/iommu`);
		const node = host.list(`${devicesFolder}/${bdf}/vfio-dev`)[0];
		if (unit === undefined || node === undefined || found.has(unit)) continue;
		const fd = kernel.open(`/dev/vfio/devices/${node}`);
		if (fd < 0) continue;
		const bound = iommuOn(kernel, fd).deviceBind({ iommufd });
		if (bound.errno === 0) {
			const { errno, decoded } = iommuOn(kernel, iommufd).getHwInfo({ dev_id: bound.decoded.out_devid, data_len: ROOM, data_uptr });
			const bytes = new Uint8Array(Math.min(decoded.data_len, ROOM));
			if (errno === 0 && kernel.peek(data_uptr, bytes) === 0) found.set(unit, bytes);
		}
		kernel.close(fd);
	}
	kernel.munmap(data_uptr, BigInt(ROOM));
	kernel.close(iommufd);
	return found;
}
