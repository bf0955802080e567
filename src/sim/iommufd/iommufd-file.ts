/** The file behind /dev/iommu. */
import type { Ret } from "../../kernel/kernel.js";
import type { MemoryObject } from "../memory/memory-object.js";
import type { UserArg } from "../memory/user-arg.js";
import type { Caller } from "../process/caller.js";
import { SimFile } from "../process/file.js";
import { iommufdMmapChecks } from "./checks/queues.js";
import { IommufdContext, type IommufdSystem } from "./context.js";
import { type Call, dispatch, isCommand } from "./dispatch.js";
import { vfioCompat } from "./vfio-compat.js";

/** An open /dev/iommu. */
export class IommufdFile extends SimFile {
	readonly kind = "iommufd";
	readonly context: IommufdContext;

	constructor(
		system: IommufdSystem,
		/** IOMMU_TEST_CMD, where the selftest driver is built in */
		readonly testCall: Call | undefined,
	) {
		super();
		this.context = new IommufdContext(system, testCall !== undefined);
		system.contexts.add(this.context);
	}

	override ioctl(process: Caller, request: number, arg: UserArg): Ret {
		const extra = this.testCall;
		return isCommand(request, extra)
			? dispatch(this.context, process, request, arg, extra)
			: vfioCompat(this.context, process, request, arg);
	}

	override mmap(offset: number, pages: number): { object: MemoryObject; page: number } | Ret {
		const object = this.context.mappable.find(offset, pages);
		return object === undefined ? this.context.system.reasons.fail(iommufdMmapChecks.notOffered, pages, offset) : { object, page: 0 };
	}

	protected override release(): void {
		this.context.release();
	}
}
