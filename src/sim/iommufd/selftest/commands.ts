/** Dispatches IOMMU_TEST_CMD. */
import { iommu_test_cmd, mock_dev_cache, mock_nested_domain_iotlb, iommu_test_op as OP } from "../../../../structs/index.js";
import { EINVAL, ENOENT, EOPNOTSUPP, EOVERFLOW } from "../../../kernel/errno.js";
import type { Ret } from "../../../kernel/kernel.js";
import { IOVA_MAX } from "../../iova/interval-set.js";
import { MockDevice } from "../../vendors/selftest/device.js";
import { MockNestedDomain } from "../../vendors/selftest/domains.js";
import type { Command } from "../command.js";
import { Device } from "../device.js";
import { Hwpt } from "../hwpt.js";
import * as access from "./access-commands.js";
import { dmabufGet, dmabufRevoke } from "./dmabuf.js";
import type { MockMachine } from "./machine.js";
import { checkMap, checkRefs, markDirty } from "./memory-commands.js";
import { SelftestDevice } from "./selftest-device.js";

const at = iommu_test_cmd.offsets;
/** the least scratch memory in bytes that the kernel's loops need: one entry of a batch */
const LEAST_MEMORY = 12;

/** IOMMU_TEST_CMD: the selftest driver's commands for programs that test iommufd. */
export function testCommand(machine: MockMachine, command: Command): Ret {
	const op = command.u32(at.op);
	if (command.context.system.release?.knowsTestOp(op) === false) return -EOPNOTSUPP;
	switch (op) {
		case OP.IOMMU_TEST_OP_ADD_RESERVED:
			return addReserved(command);
		case OP.IOMMU_TEST_OP_MOCK_DOMAIN:
			return mockDomain(machine, command, 0);
		case OP.IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS:
			return mockDomain(machine, command, command.u32(at["mock_domain_flags.dev_flags"]));
		case OP.IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE:
			return replace(command, 0, at["mock_domain_replace.pt_id"]);
		case OP.IOMMU_TEST_OP_MD_CHECK_MAP:
			return checkMap(command);
		case OP.IOMMU_TEST_OP_MD_CHECK_REFS:
			return checkRefs(command);
		case OP.IOMMU_TEST_OP_MD_CHECK_IOTLB:
			return checkIotlb(command);
		case OP.IOMMU_TEST_OP_CREATE_ACCESS:
			return access.createAccess(command);
		case OP.IOMMU_TEST_OP_ACCESS_REPLACE_IOAS:
			return access.replaceIoas(command);
		case OP.IOMMU_TEST_OP_ACCESS_PAGES:
			return access.accessPages(command);
		case OP.IOMMU_TEST_OP_DESTROY_ACCESS_PAGES:
			return access.destroyAccessPages(command);
		case OP.IOMMU_TEST_OP_ACCESS_RW:
			return access.accessRw(command);
		case OP.IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT:
			// It limits the kernel's scratch memory, which does not change any other answer.
			return command.u32(at["memory_limit.limit"]) < LEAST_MEMORY ? -EINVAL : 0;
		case OP.IOMMU_TEST_OP_DIRTY:
			return markDirty(command);
		case OP.IOMMU_TEST_OP_TRIGGER_IOPF:
			return triggerFault(command);
		case OP.IOMMU_TEST_OP_DEV_CHECK_CACHE:
			return checkCache(command);
		case OP.IOMMU_TEST_OP_TRIGGER_VEVENT:
			return triggerEvent(command);
		case OP.IOMMU_TEST_OP_PASID_ATTACH:
			return pasidAttach(command);
		case OP.IOMMU_TEST_OP_PASID_REPLACE:
			return replace(command, command.u32(at["pasid_replace.pasid"]), at["pasid_replace.pt_id"]);
		case OP.IOMMU_TEST_OP_PASID_DETACH:
			return pasidDetach(command);
		case OP.IOMMU_TEST_OP_PASID_CHECK_HWPT:
			return pasidCheck(command);
		case OP.IOMMU_TEST_OP_DMABUF_GET:
			return dmabufGet(command);
		case OP.IOMMU_TEST_OP_DMABUF_REVOKE:
			return dmabufRevoke(command);
		default:
			return -EOPNOTSUPP;
	}
}

function findSelftest(command: Command): SelftestDevice | undefined {
	return command.context.find(command.u32(at.id), "selftest");
}

function addReserved(command: Command): Ret {
	const start = command.u64(at["add_reserved.start"]);
	const length = command.u64(at["add_reserved.length"]);
	const last = start + length - 1n;
	if (length === 0n) return -EINVAL;
	if (last > IOVA_MAX) return -EOVERFLOW;
	const ioas = command.context.find(command.u32(at.id), "ioas");
	if (ioas === undefined) return -ENOENT;
	return ioas.space.reserve(start, last, command, "added by the selftest driver");
}

function mockDomain(machine: MockMachine, command: Command, flags: number): Ret {
	const { context } = command;
	const selftest = new SelftestDevice(context);
	let rc: Ret = 0;
	if (!machine.iommu.driver.knowsDevice(flags)) rc = -EINVAL;
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
	if (device === undefined) return -ENOENT;
	const rc = device.replace(pasid, command.u32(field));
	if (rc < 0) return rc;
	command.setU32(field, rc);
	return command.respond();
}

function pasidAttach(command: Command): Ret {
	const device = findSelftest(command)?.device;
	if (device === undefined) return -ENOENT;
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
	if (device === undefined) return -ENOENT;
	device.detach(command.u32(at["pasid_detach.pasid"]));
	return 0;
}

/** Check that this page table is attached for the PASID (0: that none is). */
function pasidCheck(command: Command): Ret {
	const device = findSelftest(command)?.device;
	if (device === undefined) return -ENOENT;
	const id = command.u32(at["pasid_check.hwpt_id"]);
	const attached = device.device.group.attached.get(command.u32(at["pasid_check.pasid"]));
	if (id === 0) return attached === undefined ? 0 : -EINVAL;
	const hwpt = command.context.get(id);
	if (hwpt === undefined) return -ENOENT;
	return hwpt instanceof Hwpt && attached?.domain === hwpt.domain ? 0 : -EINVAL;
}

function checkIotlb(command: Command): Ret {
	const hwpt = command.context.find(command.u32(at.id), "hwpt-nested");
	if (hwpt === undefined) return -ENOENT;
	const id = command.u32(at["check_iotlb.id"]);
	if (!(hwpt.domain instanceof MockNestedDomain)) return -EINVAL;
	if (id > mock_nested_domain_iotlb.MOCK_NESTED_DOMAIN_IOTLB_ID_MAX) return -EINVAL;
	return hwpt.domain.iotlb[id] === command.u32(at["check_iotlb.iotlb"]) ? 0 : -EINVAL;
}

function findMock(command: Command, id: number): MockDevice | undefined {
	const device = command.context.find(id, "device")?.device;
	return device instanceof MockDevice ? device : undefined;
}

function checkCache(command: Command): Ret {
	const mock = findMock(command, command.u32(at.id));
	if (mock === undefined) return -ENOENT;
	const id = command.u32(at["check_dev_cache.id"]);
	if (id > mock_dev_cache.MOCK_DEV_CACHE_ID_MAX) return -EINVAL;
	return mock.caches[id] === command.u32(at["check_dev_cache.cache"]) ? 0 : -EINVAL;
}

/** The device requests a page; each request is its own group. */
function triggerFault(command: Command): Ret {
	const mock = findMock(command, command.u32(at["trigger_iopf.dev_id"]));
	if (mock === undefined) return -ENOENT;
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
	const mock = findMock(command, command.u32(at["trigger_vevent.dev_id"]));
	if (mock === undefined) return -ENOENT;
	if (mock.viommu === undefined || mock.virtId === 0n) return -ENOENT;
	return mock.viommu.report(mock);
}
