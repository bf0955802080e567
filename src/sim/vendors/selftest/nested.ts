/** Allocates the mock IOMMU's nested page tables. */
import { defines, iommu_hwpt_selftest, mock_nested_domain_iotlb } from "../../../../structs/index.js";
import type { Ret } from "../../../kernel/kernel.js";
import type { IommuDevice } from "../../contract/device.js";
import type { PagingDomain } from "../../contract/domain.js";
import { copyUserData, type GivenData } from "../../contract/user-data.js";
import { mockNestedChecks } from "./checks.js";
import { MockNestedDomain, MockPagingDomain } from "./domains.js";
import type { MockViommu } from "./viommu.js";

/** A nested mock table, with or without a vIOMMU. */
export function mockNested(device: IommuDevice, parent: PagingDomain, from: GivenData, viommu?: MockViommu): MockNestedDomain | Ret {
	if (!(parent instanceof MockPagingDomain)) return from.process.reasons.fail(mockNestedChecks.mockParent, parent.iommu.name);
	const { nestedData, differs } = parent.format;
	if (from.data.length > nestedData) differs?.();
	const least = iommu_hwpt_selftest.offsets.pagetable_type;
	const bytes = copyUserData(from.process, from.data, defines.IOMMU_HWPT_DATA_SELFTEST, nestedData, least);
	if (typeof bytes === "number") return bytes;
	const iotlb = new DataView(bytes.buffer).getUint32(iommu_hwpt_selftest.offsets.iotlb, true);
	return new MockNestedDomain(device.iommu, new Array(mock_nested_domain_iotlb.MOCK_NESTED_DOMAIN_IOTLB_NUM).fill(iotlb), viommu);
}
