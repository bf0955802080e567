/** Dispatches IOMMU_TEST_CMD. */
import { iommu_test_cmd, mock_dev_cache, mock_nested_domain_iotlb, iommu_test_op as OP } from "../../../../structs/index.js";
import type { Ret } from "../../../kernel/kernel.js";
import { IOVA_MAX } from "../../iova/interval-set.js";
import { MockDevice } from "../../vendors/selftest/device.js";
import { MockNestedDomain } from "../../vendors/selftest/domains.js";
import type { Command } from "../command.js";
import { Device } from "../device.js";
import { Hwpt } from "../hwpt.js";
import * as access from "./access-commands.js";
import {
	addReservedChecks,
	checkCacheChecks,
	checkIotlbChecks,
	memoryLimitChecks,
	mockDomainChecks,
	mockReplaceChecks,
	pasidAttachChecks,
	pasidCheckChecks,
	pasidDetachChecks,
	testChecks,
	triggerEventChecks,
	triggerFaultChecks,
} from "./checks.js";
import { dmabufGet, dmabufRevoke } from "./dmabuf.js";
import type { MockMachine } from "./machine.js";
import { checkMap, checkRefs, markDirty } from "./memory-commands.js";
import { SelftestDevice } from "./selftest-device.js";

const at = iommu_test_cmd.offsets;
/** the least scratch memory in bytes that the kernel's loops need: one entry of a batch */
const LEAST_MEMORY = 12;

type OpName = keyof typeof OP;
/** The names that IDs of checks begin with. */
export type TestCallName = OpName extends infer N ? (N extends `IOMMU_TEST_OP_${infer Rest}` ? `IOMMU_TEST_${Rest}` : never) : never;
type Handler = (command: Command, machine: MockMachine) => Ret;

/** The handler of each operation. */
const handlers = {
	IOMMU_TEST_OP_ADD_RESERVED: addReserved,
	IOMMU_TEST_OP_MOCK_DOMAIN: (command, machine) => mockDomain(machine, command, 0),
	IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS: (command, machine) => mockDomain(machine, command, command.u32(at["mock_domain_flags.dev_flags"])),
	IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE: (command) => replace(command, 0, at["mock_domain_replace.pt_id"]),
	IOMMU_TEST_OP_MD_CHECK_MAP: checkMap,
	IOMMU_TEST_OP_MD_CHECK_REFS: checkRefs,
	IOMMU_TEST_OP_MD_CHECK_IOTLB: checkIotlb,
	IOMMU_TEST_OP_CREATE_ACCESS: access.createAccess,
	IOMMU_TEST_OP_ACCESS_REPLACE_IOAS: access.replaceIoas,
	IOMMU_TEST_OP_ACCESS_PAGES: access.accessPages,
	IOMMU_TEST_OP_DESTROY_ACCESS_PAGES: access.destroyAccessPages,
	IOMMU_TEST_OP_ACCESS_RW: access.accessRw,
	IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT: setMemoryLimit,
	IOMMU_TEST_OP_DIRTY: markDirty,
	IOMMU_TEST_OP_TRIGGER_IOPF: triggerFault,
	IOMMU_TEST_OP_DEV_CHECK_CACHE: checkCache,
	IOMMU_TEST_OP_TRIGGER_VEVENT: triggerEvent,
	IOMMU_TEST_OP_PASID_ATTACH: pasidAttach,
	IOMMU_TEST_OP_PASID_REPLACE: (command) => replace(command, command.u32(at["pasid_replace.pasid"]), at["pasid_replace.pt_id"]),
	IOMMU_TEST_OP_PASID_DETACH: pasidDetach,
	IOMMU_TEST_OP_PASID_CHECK_HWPT: pasidCheck,
	IOMMU_TEST_OP_DMABUF_GET: dmabufGet,
	IOMMU_TEST_OP_DMABUF_REVOKE: dmabufRevoke,
} satisfies Record<OpName, Handler>;

/** By number, with the name that IDs of checks begin with. */
const byOp: ({ readonly call: string; readonly handler: Handler } | undefined)[] = [];
for (const [name, handler] of Object.entries<Handler>(handlers)) byOp[OP[name as OpName]] = { call: name.replace("_OP_", "_"), handler };

/** IOMMU_TEST_CMD: the selftest driver's commands for programs that test iommufd. */
export function testCommand(machine: MockMachine, command: Command): Ret {
	const op = command.u32(at.op);
	const { release, reasons } = command.context.system;
	if (release?.knowsTestOp(op) === false) return reasons.fail(testChecks.opTooNew, op, release.name);
	const found = byOp[op];
	if (found === undefined) return reasons.fail(testChecks.unknownOp, op);
	reasons.within(found.call);
	return found.handler(command, machine);
}

function setMemoryLimit(command: Command): Ret {
	// It limits the kernel's scratch memory, which does not change any other answer.
	const limit = command.u32(at["memory_limit.limit"]);
	return limit < LEAST_MEMORY ? command.fail(memoryLimitChecks.tooLittle, limit) : 0;
}

function findSelftest(command: Command): SelftestDevice | undefined {
	return command.context.find(command.u32(at.id), "selftest");
}

function addReserved(command: Command): Ret {
	const start = command.u64(at["add_reserved.start"]);
	const length = command.u64(at["add_reserved.length"]);
	const last = start + length - 1n;
	if (length === 0n) return command.fail(addReservedChecks.lengthZero);
	if (last > IOVA_MAX) return command.fail(addReservedChecks.end, length, start);
	const ioas = command.context.find(command.u32(at.id), "ioas");
	if (ioas === undefined) return command.fail(addReservedChecks.noIoas, command.u32(at.id));
	return ioas.space.reserve(start, last, command, "added by the selftest driver");
}

function mockDomain(machine: MockMachine, command: Command, flags: number): Ret {
	const { context } = command;
	const selftest = new SelftestDevice(context);
	let rc: Ret = 0;
	if (!machine.iommu.driver.knowsDevice(flags)) rc = command.fail(mockDomainChecks.deviceFlags, flags);
	else {
		const mock = new MockDevice(machine.iommu, machine.nextGroup++, flags);
		const device = Device.bindTo(context, mock, false);
		if (typeof device === "number") rc = device;
		else {
			selftest.device = device;
			rc = device.attach(0, command.u32(at.id));
		}
	}
	if (rc >= 0) {
		command.setU32(at["mock_domain.out_stdev_id"], selftest.id);
		command.setU32(at["mock_domain.out_hwpt_id"], rc);
		command.setU32(at["mock_domain.out_idev_id"], selftest.device?.id ?? 0);
		rc = command.respond();
	}
	if (rc < 0) context.abort(selftest);
	else context.finalize(selftest);
	return rc;
}

function replace(command: Command, pasid: number, field: number): Ret {
	const device = findSelftest(command)?.device;
	if (device === undefined) return command.fail(mockReplaceChecks.noSelftest, command.u32(at.id), command.named(command.u32(at.id)));
	const rc = device.replace(pasid, command.u32(field));
	if (rc < 0) return rc;
	command.setU32(field, rc);
	return command.respond();
}

function pasidAttach(command: Command): Ret {
	const device = findSelftest(command)?.device;
	if (device === undefined) return command.fail(pasidAttachChecks.noSelftest, command.u32(at.id), command.named(command.u32(at.id)));
	const pasid = command.u32(at["pasid_attach.pasid"]);
	let rc = device.attach(pasid, command.u32(at["pasid_attach.pt_id"]));
	if (rc < 0) return rc;
	command.setU32(at["pasid_attach.pt_id"], rc);
	rc = command.respond();
	if (rc < 0) device.detach(pasid);
	return rc;
}

function pasidDetach(command: Command): Ret {
	const device = findSelftest(command)?.device;
	if (device === undefined) return command.fail(pasidDetachChecks.noSelftest, command.u32(at.id), command.named(command.u32(at.id)));
	device.detach(command.u32(at["pasid_detach.pasid"]));
	return 0;
}

/** Check that this page table is attached for the PASID (0: that none is). */
function pasidCheck(command: Command): Ret {
	const device = findSelftest(command)?.device;
	if (device === undefined) return command.fail(pasidCheckChecks.noSelftest, command.u32(at.id), command.named(command.u32(at.id)));
	const id = command.u32(at["pasid_check.hwpt_id"]);
	const pasid = command.u32(at["pasid_check.pasid"]);
	const attached = device.device.group.attached.get(pasid);
	if (id === 0) return attached === undefined ? 0 : command.fail(pasidCheckChecks.somethingAttached, pasid);
	const hwpt = command.context.get(id);
	if (hwpt === undefined) return command.fail(pasidCheckChecks.noTable, id);
	if (hwpt instanceof Hwpt && attached?.domain === hwpt.domain) return 0;
	return command.fail(pasidCheckChecks.otherTable, hwpt, pasid);
}

function checkIotlb(command: Command): Ret {
	const hwpt = command.context.find(command.u32(at.id), "hwpt-nested");
	if (hwpt === undefined) return command.fail(checkIotlbChecks.noNested, command.u32(at.id), command.named(command.u32(at.id)));
	const id = command.u32(at["check_iotlb.id"]);
	if (!(hwpt.domain instanceof MockNestedDomain)) return command.fail(checkIotlbChecks.notMock, hwpt);
	if (id > mock_nested_domain_iotlb.MOCK_NESTED_DOMAIN_IOTLB_ID_MAX) return command.fail(checkIotlbChecks.iotlbId, id);
	const value = hwpt.domain.iotlb[id];
	const expected = command.u32(at["check_iotlb.iotlb"]);
	return value === expected ? 0 : command.fail(checkIotlbChecks.otherIotlb, id, value, expected);
}

function findMock(command: Command, id: number): MockDevice | undefined {
	const device = command.context.find(id, "device")?.device;
	return device instanceof MockDevice ? device : undefined;
}

function checkCache(command: Command): Ret {
	const mock = findMock(command, command.u32(at.id));
	if (mock === undefined) return command.fail(checkCacheChecks.noMock, command.u32(at.id), command.named(command.u32(at.id)));
	const id = command.u32(at["check_dev_cache.id"]);
	if (id > mock_dev_cache.MOCK_DEV_CACHE_ID_MAX) return command.fail(checkCacheChecks.cacheId, id);
	const value = mock.caches[id];
	const expected = command.u32(at["check_dev_cache.cache"]);
	return value === expected ? 0 : command.fail(checkCacheChecks.otherCache, id, value, expected);
}

/** The device requests a page; each request is its own group. */
function triggerFault(command: Command): Ret {
	const id = command.u32(at["trigger_iopf.dev_id"]);
	const mock = findMock(command, id);
	if (mock === undefined) return command.fail(triggerFaultChecks.noMock, id, command.named(id));
	const pasid = command.u32(at["trigger_iopf.pasid"]);
	mock.requests.report({
		pasid: pasid === 0 ? undefined : pasid,
		group: command.u32(at["trigger_iopf.grpid"]),
		perm: command.u32(at["trigger_iopf.perm"]),
		addr: command.u64(at["trigger_iopf.addr"]),
		last: true,
	});
	return 0;
}

function triggerEvent(command: Command): Ret {
	const id = command.u32(at["trigger_vevent.dev_id"]);
	const mock = findMock(command, id);
	if (mock === undefined) return command.fail(triggerEventChecks.noMock, id, command.named(id));
	if (mock.viommu === undefined) return command.fail(triggerEventChecks.notNested, mock.name);
	if (mock.virtId === 0n) return command.fail(triggerEventChecks.noVdevice, mock.name);
	return mock.viommu.report(mock);
}
