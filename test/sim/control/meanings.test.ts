/** Holds what errnos mean for calls against the checks that give them. */
import { describe, expect, test } from "vitest";
import { errnoName, errnoText } from "../../../src/kernel/errno.js";
import { meaning } from "../../../src/kernel/errno-meaning.js";
import { commandMeanings } from "../../../src/kernel/errno-meaning-commands.js";
import { contract } from "../../../src/sim/index.js";

/** What only a real kernel answers: permissions, hardware that does not answer. */
const realOnly = ["IOMMU_OPTION EPERM", "IOMMU_HWPT_INVALIDATE ETIMEDOUT", "open EACCES", "open ENXIO", "mmap EPERM"];
/** Answered by a file that the call is not meant for. */
const elsewhere = ["VFIO_GET_API_VERSION EINVAL"];

const calls = (await contract()).filter(({ call }) => call in commandMeanings && call !== "IOMMU_TEST_CMD");

describe.each(calls)("$call", ({ call, checks }) => {
	const given = [...new Set(checks.map(({ errno }) => errno))].filter((errno) => errno !== 0);

	test("every errno that a check gives has a meaning", () => {
		for (const errno of given) expect(meaning(call, errno), errnoName(errno)).not.toBe(errnoText(errno));
	});

	test("no meaning is for an errno that no check gives", () => {
		const told = Object.keys(commandMeanings[call] ?? {}).map(Number);
		const stray = told.filter((errno) => !given.includes(errno)).map((errno) => `${call} ${errnoName(errno)}`);
		expect(stray.filter((one) => !realOnly.includes(one) && !elsewhere.includes(one))).toEqual([]);
	});
});
