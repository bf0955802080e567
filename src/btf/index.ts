/** The kernel's type information, and where it differs from what is declared. */
export { differenceText, type LayoutDifference, setDifferences, structDifferences } from "./compare.js";
export { Btf, BtfError } from "./parse.js";
export { type BtfFile, type BtfReader, btfOf, checkSet, checkStruct, runningKernel } from "./source.js";
