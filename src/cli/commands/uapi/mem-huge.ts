/** Huge pages of `mem alloc` and `mem memfd`. */
import { ENOMEM } from "../../../kernel/errno.js";
import type { Kernel } from "../../../kernel/kernel.js";
import { parseNumber } from "../../call/natural.js";
import type { OptionSpec } from "../../frame/command.js";
import { UsageError } from "../../frame/exit.js";
import { sizeText } from "../../frame/text.js";

export const hugeOption: OptionSpec = {
	flags: "--huge <size>",
	value: { names: ["2M", "1G"] },
	doc: "in huge pages of this size, 2M or 1G (MAP_HUGETLB, MFD_HUGETLB); the real kernel must have reserved some",
};

/** A size of huge pages, in bytes. @throws UsageError */
export function hugeSize(text: string): number {
	const size = Number(parseNumber(text, "--huge"));
	if (size <= 4096 || !Number.isInteger(Math.log2(size))) throw new UsageError(`--huge: "${text}" is not a size of pages`, "give 2M or 1G");
	return size;
}

/** A length in whole pages. */
export const wholePages = (length: bigint, pageSize = 4096): bigint =>
	((length + BigInt(pageSize) - 1n) / BigInt(pageSize)) * BigInt(pageSize);

/** What ENOMEM means where huge pages were asked for. */
export function hugeMeaning(kernel: Kernel, ret: bigint, pageSize: number | undefined): string | undefined {
	if (pageSize === undefined || ret !== BigInt(-ENOMEM) || kernel.kind !== "real") return undefined;
	const file = `/sys/kernel/mm/hugepages/hugepages-${pageSize / 1024}kB/nr_hugepages`;
	return `too few huge pages of ${sizeText(BigInt(pageSize))} are free: reserve some (as root: echo 16 > ${file})`;
}
