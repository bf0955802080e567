/** Why a call failed, as far as the objects of its context tell: which of them holds another, or is missing. */
import { type Ioctl, ioctls, type StructType } from "../../../structs/index.js";
import type { Answer } from "../../client/call.js";
import { EBUSY, ENOENT } from "../../kernel/errno.js";
import type { Invocation } from "../frame/command.js";
import { plural } from "../frame/text.js";
import type { GraphContext, GraphObject } from "../graph/model.js";

/** What of a failure is known beyond the errno. */
export interface Reasons {
	/** instead of what the errno means in general */
	readonly meaning?: string;
	readonly notes: readonly string[];
}

type Values = Readonly<Record<string, number | bigint>>;
type Explain = (context: GraphContext, sent: Values) => Reasons | undefined;

const named = ({ type, id }: GraphObject): string => `${type} ${id}`;
const listed = (objects: readonly GraphObject[]): string =>
	[...objects]
		.sort((a, b) => a.id - b.id)
		.map(named)
		.join(", ");
const find = ({ objects }: GraphContext, id: number | bigint): GraphObject | undefined => objects.find((one) => one.id === Number(id));

/** The objects that keep another one from being destroyed; a file or a driver may do so too. */
function holders(context: GraphContext, id: number | bigint): Reasons | undefined {
	const held = find(context, id);
	if (!held) return undefined;
	const by = context.objects.filter(({ parent, refs }) => parent === held.id || refs.some((ref) => ref.id === held.id));
	if (by.length > 0) return { notes: [`${named(held)} is held by ${listed(by)}`] };
	if (held.type === "device") return { notes: [`${named(held)} is held by its driver: close the device's file`] };
	return /^(?:fault|veventq|access)$/.test(held.type) ? { notes: [`${named(held)} is held by its open file`] } : undefined;
}

/** Hardware queues whose memory lies in a range. */
function queuesIn({ objects }: GraphContext, { iova, length }: Values): Reasons | undefined {
	const inside = objects.filter(({ type, details }) => {
		const at = type === "hw-queue" && typeof details.iova === "string" ? BigInt(details.iova) : undefined;
		return at !== undefined && at >= iova && at < BigInt(iova) + BigInt(length);
	});
	return inside.length === 0 ? undefined : { notes: [`the range is held by ${listed(inside)}`] };
}

/** A guest's page table wants a virtual device for the device that is attached to it. */
function noVirtualDevice(context: GraphContext, { pt_id }: Values): Reasons | undefined {
	const table = find(context, pt_id);
	const viommu = table?.parent === undefined ? undefined : find(context, table.parent);
	if (table?.type !== "hwpt-nested" || viommu?.type !== "viommu") return undefined;
	return {
		meaning: `${named(viommu)}, which ${named(table)} belongs to, has no virtual device for this device: vdevice alloc makes one`,
		notes: [],
	};
}

/** What tells more, by call and errno. */
const explains: readonly (readonly [call: Ioctl, errno: number, explain: Explain])[] = [
	[ioctls.IOMMU_DESTROY, EBUSY, (context, { id }) => holders(context, id)],
	[ioctls.IOMMU_IOAS_UNMAP, EBUSY, queuesIn],
	[
		ioctls.IOMMU_OPTION,
		EBUSY,
		({ objects }) => ({
			notes: [`the context has ${plural(objects.length, "object")}: ${listed(objects.slice(0, 8))}${objects.length > 8 ? ", ..." : ""}`],
		}),
	],
	[ioctls.VFIO_DEVICE_ATTACH_IOMMUFD_PT, ENOENT, noVirtualDevice],
];

/** A kernel that tells why needs no other reasons. @returns nothing where the context cannot be looked into, or where several contexts might be meant */
export async function reasonsFor({ context }: Invocation, { ioctl, errno, before, why }: Answer): Promise<Reasons> {
	const none: Reasons = { notes: [] };
	const explain = explains.find(([call, code]) => call.name === ioctl.name && code === errno)?.[2];
	const struct = ioctl.struct as StructType | null;
	if (!explain || why !== undefined || !struct || before.length < struct.size) return none;
	const { knownHere } = await import("../graph/known.js");
	const contexts = (await knownHere(await context.handle())).contexts();
	const sent = struct.decode(before) as unknown as Values;
	const found = contexts.map((one) => explain(one, sent)).filter((one) => one !== undefined);
	return found.length === 1 ? found[0] : none;
}
