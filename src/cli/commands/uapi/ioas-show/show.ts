/** `ioas show`: asks the kernel for the IOVA space and prints it. */
import { ioctls, iommu_ioas_iova_ranges, iommu_iova_range } from "../../../../../structs/index.js";
import { EMSGSIZE } from "../../../../kernel/errno.js";
import { parseNumber } from "../../../call/natural.js";
import { errnoDocument, errnoText } from "../../../call/show.js";
import { announce } from "../../../frame/announce.js";
import type { Invocation } from "../../../frame/command.js";
import { done, exitCode, type Outcome } from "../../../frame/exit.js";
import { knownHere, sourceNote } from "../../../graph/known.js";
import type { IoasView, Range } from "../../../graph/model.js";
import { drawSpace, spaceJson } from "./space.js";

/** What IOMMU_IOAS_IOVA_RANGES answers, or minus the errno. */
async function usable(inv: Invocation, id: number): Promise<{ ranges: Range[]; alignment: bigint } | number> {
	const kernel = await inv.context.kernel();
	const fd = await inv.context.iommu();
	const scratch = await inv.context.scratch();
	try {
		for (let room = 64; ; ) {
			const at = scratch.place(new Uint8Array(room * iommu_iova_range.size));
			const call = ioctls.IOMMU_IOAS_IOVA_RANGES;
			const bytes = iommu_ioas_iova_ranges.encode({ size: call.size, ioas_id: id, num_iovas: room, allowed_iovas: at });
			const rc = kernel.ioctl(fd, call.request, bytes);
			const { num_iovas, out_iova_alignment } = iommu_ioas_iova_ranges.decode(bytes);
			if (rc === -EMSGSIZE && num_iovas > room) {
				room = num_iovas;
				continue;
			}
			if (rc < 0) return rc;
			const found = scratch.fetch(at, num_iovas * iommu_iova_range.size) ?? new Uint8Array(0);
			return { ranges: iommu_iova_range.decodeArray(found), alignment: out_iova_alignment };
		}
	} finally {
		scratch.reset();
	}
}

/** As seen from outside: what is not usable is reserved; areas and allowed ranges are those made here. */
function completed(view: IoasView, { ranges, alignment }: { ranges: Range[]; alignment: bigint }): IoasView {
	const reserved: Range[] = [];
	let at = 0n;
	for (const { start, last } of ranges) {
		if (start > at) reserved.push({ start: at, last: start - 1n });
		at = last + 1n;
	}
	if (at < 1n << 64n) reserved.push({ start: at, last: (1n << 64n) - 1n });
	return { ...view, reserved, alignment };
}

/** `ioas show`: draws the space, or answers it as JSON. */
export async function show(inv: Invocation): Promise<Outcome> {
	const { io, common, out } = inv;
	const id = Number(parseNumber(inv.args[0], "IOAS"));
	const handle = await inv.context.handle();
	await announce(inv);
	const known = await knownHere(handle);
	let view = known.ioas(id) ?? { id, areas: [], reserved: [], allowed: [], alignment: 1n };
	// Asked even if the answer is known: only the kernel can say whether there is such an IOAS.
	const asked = await usable(inv, id);
	if (typeof asked === "number") {
		io.stderr.write(`${inv.err.bad("failed")}  IOMMU_IOAS_IOVA_RANGES: ${errnoText("IOMMU_IOAS_IOVA_RANGES", -asked)}\n`);
		if (common.json) {
			const document = {
				schema: "iommuctl.ioas",
				version: 1,
				kernel: handle.kernel.kind,
				kernelDetail: handle.which,
				id,
				ok: false,
				errno: errnoDocument("IOMMU_IOAS_IOVA_RANGES", -asked),
			};
			io.stdout.write(`${JSON.stringify(document)}\n`);
		}
		return { exit: exitCode.failed, errno: -asked };
	}
	if (known.source === "recorded") view = completed(view, asked);
	if (common.json) {
		const head = {
			schema: "iommuctl.ioas",
			version: 1,
			kernel: handle.kernel.kind,
			kernelDetail: handle.which,
			ok: true,
			source: known.source,
		};
		io.stdout.write(`${JSON.stringify({ ...head, ...spaceJson(view) })}\n`);
		return done;
	}
	if (known.source === "recorded") io.stderr.write(`${inv.err.note("note:")} ${sourceNote}; the reserved ranges are the kernel's\n`);
	io.stdout.write(`${drawSpace(view, out, io.stdout.columns ?? 80, inv.options.all === true).join("\n")}\n`);
	return done;
}
