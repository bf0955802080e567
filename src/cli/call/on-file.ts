/** The options that choose another file than /dev/iommu for a call. */
import type { Ret } from "../../kernel/kernel.js";
import type { Invocation, OptionSpec } from "../frame/command.js";
import { devicePath } from "./device-path.js";
import { parseFd } from "./natural.js";

export const onFileOptions: readonly OptionSpec[] = [
	{ flags: "--on-fd <fd>", doc: "call on this file of the program instead of /dev/iommu" },
	{ flags: "--on-device <device>", value: "device", doc: "call on a VFIO device's file: vfio0" },
];

/** What a number means goes by the file that it is sent to. */
export const onDevice = ({ context, options }: Invocation): boolean =>
	options.onDevice !== undefined || (options.onFd !== undefined && context.isDeviceFile(parseFd(options.onFd as string, "--on-fd")));

/** The file to call on: as the options say, else /dev/iommu. @returns its number or minus the errno */
export async function onFileTarget({ context, options }: Invocation): Promise<Ret> {
	if (options.onFd !== undefined) return parseFd(options.onFd as string, "--on-fd");
	if (options.onDevice !== undefined) return await context.deviceFile(devicePath(options.onDevice as string));
	return await context.iommu();
}
