/** EBUSY that a kernel answers because another call is at work at that moment: no order of whole calls gives it. */
import { ioctls } from "../../structs/index.js";
import { structOf } from "./outcome.js";
import type { Call, LitmusTest } from "./test.js";

const { IOMMU_DESTROY, IOMMU_IOAS_CHANGE_PROCESS, IOMMU_IOAS_UNMAP, IOMMU_IOAS_MAP, IOMMU_IOAS_MAP_FILE, IOMMU_IOAS_COPY } = ioctls;
const REFUSABLE = [IOMMU_DESTROY, IOMMU_IOAS_UNMAP, IOMMU_IOAS_CHANGE_PROCESS].map(({ request }) => request);

/** A call with what it gave to the kernel, or what the kernel left there. */
export interface Sent {
	readonly call: Call;
	readonly bytes: Uint8Array;
}

/** Whether a call is one that is refused while another is at work. */
export const refusable = ({ request }: Call): boolean => request !== undefined && REFUSABLE.includes(request);

/**
 * Whether `refused` may answer EBUSY while `other` runs. The kernel's rules:
 * - A call holds a reference to each object that it looks up, and IOMMU_DESTROY is refused while there is one besides its own. A destroy
 *   itself holds none, so the second of two finds nothing.
 * - An area belongs to the call that maps or unmaps it until that is done, and IOMMU_IOAS_UNMAP is refused when it comes to such an area.
 *   What it unmapped before stays unmapped; that it did nothing is all that is excused here.
 * - IOMMU_IOAS_CHANGE_PROCESS looks at the areas of every IOAS of the context, and is refused when one of them belongs to such a call.
 */
export function excuses(test: LitmusTest, slots: BigInt64Array, refused: Sent, other: Sent): boolean {
	if (refused.call.file !== other.call.file || other.call.op !== "ioctl") return false;
	if (refused.call.request === IOMMU_DESTROY.request)
		return other.call.request !== IOMMU_DESTROY.request && names(test, slots, other, fieldOf(refused, "id") ?? 0n);
	const [at, busy] = [areaOf(refused), areaOf(other)];
	if (refused.call.request === IOMMU_IOAS_CHANGE_PROCESS.request) return busy !== undefined;
	return at !== undefined && busy !== undefined && at.ioas === busy.ioas && at.start <= busy.last && busy.start <= at.last;
}

/** Whether an object is in the call's struct: its ID was given, or the kernel told it. */
function names({ slots: kinds }: LitmusTest, slots: BigInt64Array, { call, bytes }: Sent, id: bigint): boolean {
	if (call.puts.some(({ slot }) => kinds[slot].kind === "id" && slots[slot] === id)) return true;
	const type = structOf(call);
	const values = type?.decode(bytes) as Readonly<Record<string, unknown>> | undefined;
	return (
		type?.fields.some(({ name, role, dir }) => role === "id" && dir !== "in" && values !== undefined && number(values[name]) === id) ??
		false
	);
}

interface Area {
	readonly ioas: bigint;
	readonly start: bigint;
	readonly last: bigint;
}

/** The IOVAs that a call maps or unmaps. */
function areaOf(sent: Sent): Area | undefined {
	const { request } = sent.call;
	const copies = request === IOMMU_IOAS_COPY.request;
	if (!copies && request !== IOMMU_IOAS_UNMAP.request && request !== IOMMU_IOAS_MAP.request && request !== IOMMU_IOAS_MAP_FILE.request)
		return undefined;
	const [ioas, start, length] = [copies ? "dst_ioas_id" : "ioas_id", copies ? "dst_iova" : "iova", "length"].map((name) =>
		fieldOf(sent, name),
	);
	if (ioas === undefined || start === undefined || length === undefined || length === 0n) return undefined;
	// Where the kernel chooses the IOVA it is not known before the call: it may be any.
	const chosen = request !== IOMMU_IOAS_UNMAP.request && ((fieldOf(sent, "flags") ?? 0n) & FIXED_IOVA) === 0n;
	return chosen ? { ioas, start: 0n, last: LAST } : { ioas, start, last: start + length - 1n };
}

const FIXED_IOVA = 1n;
const LAST = (1n << 64n) - 1n;

function fieldOf({ call, bytes }: Sent, name: string): bigint | undefined {
	return number((structOf(call)?.decode(bytes) as Readonly<Record<string, unknown>> | undefined)?.[name]);
}

const number = (value: unknown): bigint | undefined => (typeof value === "number" || typeof value === "bigint" ? BigInt(value) : undefined);
