/** Calls that open a file on the side: exit has to close these too. Numbers and offsets are those of the uAPI. */
const IOMMU_FAULT_QUEUE_ALLOC = 0x3b8e;
const IOMMU_VEVENTQ_ALLOC = 0x3b93;
const IOMMU_TEST_CMD = 0x3ba0;
const VFIO_GROUP_GET_DEVICE_FD = 0x3b6a;

const IOMMU_TEST_OP_CREATE_ACCESS = 5;
const OP_OFFSET = 4;

/** Where in the struct the new file's number is, by request. */
const fdOffset: ReadonlyMap<number, number> = new Map([
	[IOMMU_FAULT_QUEUE_ALLOC, 12],
	[IOMMU_VEVENTQ_ALLOC, 24],
	[IOMMU_TEST_CMD, 16],
]);

/** Does a successful call with this request perhaps open a file? Everything else is let pass quickly. */
export function mayMakeFile(request: number): boolean {
	return fdOffset.has(request) || request === VFIO_GROUP_GET_DEVICE_FD;
}

/** The file that a successful call opened; `read32` reads a word of the struct after the call. */
export function madeFile(request: number, ret: number, read32: (offset: number) => number | undefined): number | undefined {
	if (request === VFIO_GROUP_GET_DEVICE_FD) return ret;
	if (request === IOMMU_TEST_CMD && read32(OP_OFFSET) !== IOMMU_TEST_OP_CREATE_ACCESS) return undefined;
	const offset = fdOffset.get(request);
	return offset === undefined ? undefined : read32(offset);
}
