/** What scenes are made of: calls with exact fields, and the few places and pieces of memory that they share. */
import { type Ioctl, ioctls, iommu_test_op as OP, type StructType } from "../../../structs/index.js";
import type { Known } from "../known.js";
import type { Random } from "../random.js";

/** A call of a scene. */
export interface SceneCall {
	readonly ioctl: Ioctl;
	/** fields by path; the others are 0 */
	readonly fields: Readonly<Record<string, bigint | number>>;
	/** written to the address in `data_uptr` or `uptr` before */
	readonly data?: Uint8Array;
}

export type Scene = (random: Random, known: Known) => Generator<SceneCall>;

export const PAGE = 0x1000n;
export const [NEST_PARENT, DIRTY, FAULT, PASID] = [1, 2, 4, 8];
export const [WRITE, READ, FIXED] = [2, 4, 1];

export const call = (ioctl: Ioctl, fields: SceneCall["fields"], data?: Uint8Array): SceneCall => ({ ioctl, fields, ...(data && { data }) });
export const test = (op: number, id: number, fields: SceneCall["fields"] = {}, data?: Uint8Array): SceneCall =>
	call(ioctls.IOMMU_TEST_CMD, { op, id, ...fields }, data);
export const bytesOf = (struct: unknown, values: object): Uint8Array => (struct as StructType).encode(values as never);

/** Where mappings are: few places, so that they meet. */
export const place = (random: Random): bigint => 0x100_0000n + BigInt(random.below(12)) * 2n * PAGE;
export const pages = (random: Random): bigint => PAGE * random.pick([1n, 1n, 2n, 4n, 16n]);
export const memory = (random: Random, known: Known): bigint =>
	random.chance(70) ? (known.memory[0]?.addr ?? 0n) + BigInt(random.below(40)) * PAGE : known.address(random);

export function mapping(
	random: Random,
	known: Known,
	iova = place(random),
	length = pages(random),
	uptr = memory(random, known),
): SceneCall {
	const flags = random.pick([FIXED | WRITE | READ, FIXED | WRITE | READ, FIXED | READ, FIXED | WRITE]);
	return call(ioctls.IOMMU_IOAS_MAP, { flags, ioas_id: known.last("ioas"), user_va: uptr, length, iova });
}

/** A mock device on the last IOAS, unless there is one. */
export function* device(random: Random, known: Known, flags = 0): Generator<SceneCall> {
	if (known.last("dev") !== 0 && flags === 0 && random.chance(60)) return;
	if (random.chance(25)) yield call(ioctls.IOMMU_IOAS_ALLOC, {});
	if (flags === 0 && random.chance(50)) yield test(OP.IOMMU_TEST_OP_MOCK_DOMAIN, known.last("ioas"));
	else yield test(OP.IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS, known.last("ioas"), { "mock_domain_flags.dev_flags": flags });
}

export const fault = (random: Random, dev: number): SceneCall =>
	test(OP.IOMMU_TEST_OP_TRIGGER_IOPF, 0, {
		"trigger_iopf.dev_id": dev,
		"trigger_iopf.pasid": random.chance(80) ? 0 : 1 + random.below(3),
		"trigger_iopf.grpid": random.below(4),
		"trigger_iopf.perm": 1 + random.below(3),
		"trigger_iopf.addr": place(random),
	});
