/** The checks of each operation of the selftest driver, in the order in which the kernel makes them. */
import type { Group } from "../../why/check.js";
import { dispatchChecks, memoryChecks } from "../checks/dispatch.js";
import * as own from "./checks.js";
import type { TestCallName } from "./commands.js";

/** IOMMU_TEST_CMD before its operation is known, and the operations: what precedes them has the name of the command. */
export const testContract = {
	IOMMU_TEST_CMD: { dispatch: dispatchChecks, memory: memoryChecks, own: own.testChecks },
	IOMMU_TEST_ADD_RESERVED: own.addReservedChecks,
	IOMMU_TEST_MOCK_DOMAIN: own.mockDomainChecks,
	IOMMU_TEST_MOCK_DOMAIN_FLAGS: own.mockDomainChecks,
	IOMMU_TEST_MOCK_DOMAIN_REPLACE: own.mockReplaceChecks,
	IOMMU_TEST_MD_CHECK_MAP: own.checkMapChecks,
	IOMMU_TEST_MD_CHECK_REFS: own.checkRefsChecks,
	IOMMU_TEST_MD_CHECK_IOTLB: own.checkIotlbChecks,
	IOMMU_TEST_CREATE_ACCESS: own.createAccessChecks,
	IOMMU_TEST_ACCESS_REPLACE_IOAS: own.accessReplaceChecks,
	IOMMU_TEST_ACCESS_PAGES: own.accessPagesChecks,
	IOMMU_TEST_DESTROY_ACCESS_PAGES: own.destroyPagesChecks,
	IOMMU_TEST_ACCESS_RW: own.accessRwChecks,
	IOMMU_TEST_SET_TEMP_MEMORY_LIMIT: own.memoryLimitChecks,
	IOMMU_TEST_DIRTY: own.markDirtyChecks,
	IOMMU_TEST_TRIGGER_IOPF: own.triggerFaultChecks,
	IOMMU_TEST_DEV_CHECK_CACHE: own.checkCacheChecks,
	IOMMU_TEST_TRIGGER_VEVENT: own.triggerEventChecks,
	IOMMU_TEST_PASID_ATTACH: own.pasidAttachChecks,
	IOMMU_TEST_PASID_REPLACE: own.mockReplaceChecks,
	IOMMU_TEST_PASID_DETACH: own.pasidDetachChecks,
	IOMMU_TEST_PASID_CHECK_HWPT: own.pasidCheckChecks,
	IOMMU_TEST_DMABUF_GET: own.dmabufGetChecks,
	IOMMU_TEST_DMABUF_REVOKE: own.dmabufRevokeChecks,
} satisfies Record<TestCallName | "IOMMU_TEST_CMD", Group>;
