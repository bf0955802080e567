/** Bends structs, and tells which may lie in the program's memory. */
import { type Ioctl, iommu_test_op as OP, type StructType } from "../../structs/index.js";
import type { Random } from "./random.js";

/** Whether files' numbers go in or out: in memory they would be other numbers in every process. */
export function hasFiles({ name, struct }: Ioctl, bytes: Uint8Array): boolean {
	if (name === "IOMMU_TEST_CMD")
		return bytes.length < 8 || !WITHOUT_FILES.has(new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true));
	return (struct as StructType).leaves.some(({ role }) => role === "fd");
}

/** The selftest's operations that neither take a file nor make one. */
const WITHOUT_FILES: ReadonlySet<number> = new Set([
	OP.IOMMU_TEST_OP_ADD_RESERVED,
	OP.IOMMU_TEST_OP_MOCK_DOMAIN,
	OP.IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS,
	OP.IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE,
	OP.IOMMU_TEST_OP_DIRTY,
	OP.IOMMU_TEST_OP_TRIGGER_IOPF,
	OP.IOMMU_TEST_OP_PASID_ATTACH,
	OP.IOMMU_TEST_OP_PASID_REPLACE,
	OP.IOMMU_TEST_OP_PASID_DETACH,
]);

/** Now and then a bit is another one, or bytes are missing or too many. */
export function bent(random: Random, bytes: Uint8Array): Uint8Array {
	if (bytes.length === 0 || !random.chance(3)) return bytes;
	if (random.chance(60)) {
		bytes[random.below(bytes.length)] ^= 1 << random.below(8);
		return bytes;
	}
	const other = new Uint8Array(random.chance(50) ? random.below(bytes.length) : bytes.length + 1 + random.below(24));
	other.set(bytes.subarray(0, other.length));
	if (other.length > bytes.length) {
		if (random.chance(70)) new DataView(other.buffer).setUint32(0, other.length, true);
		if (random.chance(50)) other[bytes.length + random.below(other.length - bytes.length)] = 1 + random.below(255);
	}
	return other;
}
