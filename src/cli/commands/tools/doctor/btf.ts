/** Checks the declared layouts against the running kernel's own type information. */
import { allSets, allStructs, setInfo } from "../../../../../structs/index.js";
import { plural } from "../../../frame/text.js";
import type { Check } from "./check.js";

export const btf: Check = async ({ bytes, exists, list }) => {
	const base = { id: "btf", title: "layouts in this kernel" };
	const { BtfError, checkSet, checkStruct, differenceText, runningKernel } = await import("../../../../btf/index.js");
	try {
		const files = runningKernel({ read: (path) => (exists(path) ? bytes(path) : undefined), list });
		if (files.length === 0)
			return { ...base, status: "note", found: "cannot be compared: no /sys/kernel/btf/vmlinux (CONFIG_DEBUG_INFO_BTF)" };
		const found = [
			...allStructs()
				.filter(({ proposal }) => !proposal)
				.map((type) => ({ name: type.name, differences: checkStruct(files, type) })),
			...allSets()
				.filter((set) => !setInfo(set).derived)
				.map((set) => ({ name: setInfo(set).name, differences: checkSet(files, set) })),
		];
		const there = found.filter(({ differences }) => differences !== undefined);
		const differing = there.filter(({ differences = [] }) => differences.length > 0);
		if (there.length === 0)
			return { ...base, status: "note", found: "its BTF has none of the structs: built without iommufd, or the module is not loaded" };
		const checked = `${there.length - differing.length} structs and enums as declared`;
		if (differing.length === 0) return { ...base, status: "ok", found: checked };
		return {
			...base,
			status: "note",
			found: `${checked}, ${plural(differing.length, "other")}: an older or newer kernel, or one with patches`,
			more: differing.flatMap(({ name, differences = [] }) => differences.map((one) => `${name}: ${differenceText(one)}`)),
		};
	} catch (error) {
		if (!(error instanceof BtfError)) throw error;
		return { ...base, status: "note", found: `its BTF is not understood: ${error.message}` };
	}
};
