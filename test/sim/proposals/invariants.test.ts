/** What must hold whatever devices do: one owner for each PASID, one allocation of page requests, and nothing left behind. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { iommuOn } from "../../../src/client/iommu.js";
import { ControlError } from "../../../src/sim/contract/control-error.js";
import { respond2017 } from "../../../src/sim/extensions/page-response.js";
import { createSim, SimControl } from "../../../src/sim/index.js";
import { checkMachine } from "../../../src/sim/vendors/machines.js";
import { iommufd_hwpt_alloc_flags as HWPT } from "../../../structs/index.js";
import { root } from "../../cli/cli.js";

const description = parse(readFileSync(join(root, "test/fixtures/hardware/m.yaml"), "utf8"), { intAsBigInt: true });

/** vfio2 is a function with the virtual devices vfio20 and vfio21; vfio0 is another function. */
const NODES = ["vfio2", "vfio20", "vfio21", "vfio0"] as const;
const PASIDS = [5, 7, 0x40, 0x41];

type Step = { readonly at: number; readonly pasid: number; readonly addr: bigint; readonly group: number; readonly kind: string };
const step: fc.Arbitrary<Step> = fc.record({
	at: fc.nat({ max: NODES.length - 1 }),
	pasid: fc.constantFrom(...PASIDS),
	addr: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
	group: fc.nat({ max: 3 }),
	kind: fc.constantFrom(
		"bind",
		"close",
		"attach",
		"attach-pasid",
		"detach-pasid",
		"detach",
		"ask",
		"dma",
		"respond",
		"fail",
		"table",
		"untable",
		"reset",
	),
});

/** Each device in a context of its own, with a table for PASIDs that has a fault queue. */
function world() {
	const sim = createSim({ machine: checkMachine(description) });
	const control = SimControl.of(sim);
	const process = sim.newProcess();
	const held = new Map<string, { file: number; context: number; table: number; parent: number }>();
	const attempt = (what: () => unknown) => {
		try {
			what();
		} catch (error) {
			if (!(error instanceof ControlError)) throw error;
			expect(error.errno).toBeGreaterThan(0);
		}
	};
	const open = (node: string) => {
		const context = process.open("/dev/iommu");
		const file = process.open(`/dev/vfio/devices/${node}`);
		const iommu = iommuOn(process, context);
		const { errno, decoded } = iommuOn(process, file).deviceBind({ iommufd: context });
		if (errno !== 0) return void [process.close(file), process.close(context)];
		const ioas = iommu.ioasAlloc().decoded.out_ioas_id;
		const fault_id = iommu.faultQueueAlloc().decoded.out_fault_id;
		const flags = HWPT.IOMMU_HWPT_ALLOC_PASID | HWPT.IOMMU_HWPT_FAULT_ID_VALID | HWPT.IOMMU_HWPT_ALLOC_DIRTY_TRACKING;
		const table = iommu.hwptAlloc({ dev_id: decoded.out_devid, pt_id: ioas, flags, fault_id }).decoded.out_hwpt_id;
		held.set(node, { file, context, table, parent: table });
	};
	const run = ({ at, pasid, addr, group, kind }: Step) => {
		const node = NODES[at];
		const device = control.device(node);
		const mine = held.get(node);
		const vfio = mine && iommuOn(process, mine.file);
		if (kind === "bind") return mine === undefined ? open(node) : undefined;
		if (kind === "reset") return control.reset(device);
		// nobody has enabled the interface of a device that nobody has
		if (kind === "ask" && mine !== undefined)
			return attempt(() => {
				const requests = control.requests(device);
				if (!requests.stopped && !requests.inUse(group, undefined) && requests.room(1))
					requests.send([{ addr, perm: 1 }], undefined, group, pasid !== 7);
			});
		if (kind === "dma")
			return attempt(() => control.dma(node, "read", addr & 0xfff_ffffn, new Uint8Array(8), pasid === 5 ? undefined : pasid));
		if (kind === "respond" || kind === "fail")
			return void respond2017(control, device, {
				resp_code: kind === "fail" ? 15 : 0,
				pasid_present: 0,
				pasid: 0,
				page_req_group_id: group,
			});
		if (kind === "table") return attempt(() => control.guestTables.bind(new Map([[device, device.requester.wire]]), 0x10000n, 64));
		if (kind === "untable") return attempt(() => control.guestTables.unbind(group));
		if (mine === undefined || vfio === undefined) return;
		if (kind === "close") {
			held.delete(node);
			process.close(mine.file);
			process.close(mine.context);
			expect(control.requests(device).outstanding).toBe(0);
		}
		if (kind === "attach") vfio.deviceAttach({ pt_id: mine.table });
		if (kind === "attach-pasid") vfio.deviceAttach({ pt_id: mine.table, flags: 1, pasid });
		if (kind === "detach-pasid") vfio.deviceDetach({ flags: 1, pasid });
		if (kind === "detach") vfio.deviceDetach({});
	};
	return { sim, control, process, run };
}

test("random owners, tables, requests and resets", () => {
	fc.assert(
		fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
			const { sim, control, process, run } = world();
			for (const each of steps) {
				run(each);
				const function2 = control.device("vfio2");
				const users = [function2, ...function2.parts];
				for (const pasid of PASIDS) {
					const owners = users.filter((user) => user.group.attached.has(pasid) || user.part?.pasid === pasid);
					expect(owners.length).toBeLessThanOrEqual(1);
					if (owners.length > 0) expect(function2.pasidTable?.covers(pasid) ?? false).toBe(false);
				}
				for (const pri of control.requestInterfaces) expect(pri.outstanding).toBeLessThanOrEqual(pri.capacity);
				const groups = users.flatMap((user) => [...user.requests.pending].map(({ requests: [first] }) => first.group));
				expect(new Set(groups).size).toBe(groups.length);
			}
			process.exit();
			expect([...control.guestTables.all]).toEqual([]);
			expect(sim.contexts.size).toBe(0);
			for (const pri of control.requestInterfaces) expect(pri.outstanding).toBe(0);
			for (const transfer of control.transfers.all.values()) expect(["done", "aborted"]).toContain(transfer.state);
		}),
		{ numRuns: 150 },
	);
});
