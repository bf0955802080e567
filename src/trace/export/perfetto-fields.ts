/** The struct of a recorded call by its fields. */
import type { IoctlStep } from "../format.js";
import { wholeStruct } from "../tools/fields.js";

/** Field by field; undefined if the bytes are not the call's struct. */
export function fieldsOf(step: IoctlStep, hex: string | undefined): Readonly<Record<string, unknown>> | undefined {
	return hex === undefined ? undefined : wholeStruct(step, hex)?.values;
}
