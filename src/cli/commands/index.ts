/**
 * Every family in one module, so that the bundle has them in one file: what a start costs is files rather than code,
 * and a family's options are made only when one of its actions is named.
 */
import type { Family } from "../command.js";
import compare from "./compare.js";
import destroy from "./destroy.js";
import device from "./device.js";
import fault from "./fault.js";
import file from "./file.js";
import hwpt from "./hwpt.js";
import ioas from "./ioas.js";
import kernel from "./kernel.js";
import mem from "./mem.js";
import option from "./option.js";
import raw from "./raw.js";
import replay from "./replay.js";
import run from "./run.js";
import selftest from "./selftest.js";
import struct from "./struct.js";
import trace from "./trace.js";
import veventq from "./veventq.js";
import vfio from "./vfio.js";
import { hwQueue, vdevice, viommu } from "./viommu.js";

const all: readonly Family[] = [
	device,
	ioas,
	option,
	vfio,
	hwpt,
	fault,
	viommu,
	vdevice,
	veventq,
	hwQueue,
	destroy,
	raw,
	struct,
	mem,
	file,
	selftest,
	kernel,
	run,
	replay,
	trace,
	compare,
];

export const familyByName: ReadonlyMap<string, Family> = new Map(all.map((family) => [family.name, family]));
