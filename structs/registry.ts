/** Look-ups by name over everything declared. */
import * as defines from "./defines.js";
import * as fault from "./fault.js";
import * as general from "./general.js";
import * as hwinfo from "./hwinfo.js";
import * as hwpt from "./hwpt.js";
import * as invalidate from "./invalidate.js";
import * as ioas from "./ioas.js";
import * as proposals from "./proposals.js";
import * as selftest from "./selftest.js";
import * as selftestCmd from "./selftest-cmd.js";
import * as selftestEnums from "./selftest-enums.js";
import { type ConstSet, isSet, setInfo } from "./sets.js";
import { StructType } from "./struct-type.js";
import * as vfio from "./vfio.js";
import * as vfioDefines from "./vfio-defines.js";
import * as viommu from "./viommu.js";

const families = [
	general,
	ioas,
	hwpt,
	hwinfo,
	invalidate,
	fault,
	viommu,
	defines,
	selftestEnums,
	selftest,
	selftestCmd,
	vfio,
	vfioDefines,
	proposals,
];

const structsByName = new Map<string, StructType>();
const setsByName = new Map<string, ConstSet>();
for (const value of families.flatMap((family) => Object.values<unknown>(family))) {
	if (value instanceof StructType) structsByName.set(value.name, value);
	else if (isSet(value)) setsByName.set(setInfo(value).name, value);
}

/** The struct with a uAPI (or proposal) name. */
export const structByName = (name: string): StructType | undefined => structsByName.get(name);

/** The set of constants with a name: an enum, a flag set, or defines. */
export const enumByName = (name: string): ConstSet | undefined => setsByName.get(name);

/** Every declared struct, the proposals' last. */
export const allStructs = (): readonly StructType[] => [...structsByName.values()];

/** Every declared set of constants. */
export const allSets = (): readonly ConstSet[] => [...setsByName.values()];
