/** Which call a name in a syzkaller program means. */
import { ioctlByRequest, ioctlNamed } from "../../../structs/index.js";
import { type SyzCall, syzCall, syzCalls } from "../export/syz-calls.js";
import { syzlangCalls } from "../export/syzlang-calls.js";

/** Calls of dev_vfio.txt, which share their structs with those of dev_iommu.txt. */
const ALIASES = /^VFIO_(?:GET_API_VERSION|CHECK_EXTENSION|SET_IOMMU|IOMMU_(?:GET_INFO|MAP_DMA|UNMAP_DMA))$/;

/**
 * The description of `ioctl$NAME`, of a variant of one (`ioctl$NAME$other`), or of a plain `ioctl` by its request; undefined if it is
 * not one of iommufd's or VFIO's.
 */
export function syzCallNamed(name: string, request: number | undefined): SyzCall | undefined {
	const called = name.replace(/^ioctl\$?/, "");
	const found = find(ALIASES.test(called) ? `IOMMU_${called}` : called);
	if (found !== undefined) return found;
	// what `struct export --syzlang` describes besides
	const own = syzlangCalls().find((call) => call.name === called) ?? find(called.replace(/\$[^$]*$/, ""));
	if (own !== undefined) return own;
	const ioctl = ioctlNamed(called.split("$")[0]) ?? (request === undefined ? undefined : ioctlByRequest(request));
	if (ioctl === undefined) return undefined;
	return syzCall(ioctl.name, ioctl, ioctl.struct === null ? { argument: "value" } : {});
}

const find = (name: string): SyzCall | undefined => syzCalls.find((call) => call.name === name);
