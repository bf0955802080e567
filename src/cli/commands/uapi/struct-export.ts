/** `struct export`: the declarations in the language of another tool. */
import type { CommandSpec, Invocation } from "../../frame/command.js";
import { done, type Outcome, UsageError } from "../../frame/exit.js";
import { version } from "../../frame/version.js";
import { deliver, outputOption } from "../tools/trace-files.js";

async function exportStructs(inv: Invocation): Promise<Outcome> {
	if (inv.options.syzlang !== true) throw new UsageError("struct export: a form is needed", "--syzlang: syzkaller's descriptions");
	const { exportSyzlang } = await import("../../../trace/export/syzlang.js");
	deliver(inv, exportSyzlang(version));
	return done;
}

export const exportCommand: CommandSpec = {
	name: "export",
	summary: "all calls and structs as descriptions for syzkaller",
	details: [
		"--syzlang writes every call of iommufd with its variants, the selftest driver's operations, the vendors' data, the queues' files and",
		"VFIO's calls on devices, with resources, flags, lengths and directions, laid out as syz-fmt does. The file takes the place of",
		"syzkaller's sys/linux/dev_iommu.txt; syz-extract makes the constants from the kernel's sources. With --uapi-file it also has a header's calls.",
	].join("\n"),
	args: [],
	options: () => [{ flags: "--syzlang", doc: "syzkaller's description language" }, outputOption],
	examples: [["struct export --syzlang -o sys/linux/dev_iommu.txt", "in syzkaller's sources; then make extract generate"]],
	run: exportStructs,
};
