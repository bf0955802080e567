/** Calls that only a header knows: the files they make and the values they return, in every form of a trace. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readHeader } from "../../src/headers/index.js";
import { exportC } from "../../src/trace/export/c.js";
import { recording, replayFiles, TraceWriter } from "../../src/trace/index.js";
import { eachProgram, type Program } from "../../src/trace/tools/programs.js";
import { stepLine } from "../../src/trace/tools/show.js";
import { registerUapi } from "../../structs/index.js";
import { FakeKernel } from "./fake-kernel.js";
import { temporaryFolder } from "./files.js";

const header = `
struct iommu_thing_alloc {
	__u32 size;
	__u32 flags;
	__u32 out_thing_id;
	__u32 out_thing_fd;
	__s32 memory_fd;
};
#define IOMMU_THING_ALLOC _IO(IOMMUFD_TYPE, 0x97)
`;
const REQUEST = 0x3b97;

/** Makes things, and returns how many bytes did not fit. */
class ThingKernel extends FakeKernel {
	override ioctl(fd: number, request: number, arg: Uint8Array | bigint): number {
		super.ioctl(fd, request, arg);
		if (request !== REQUEST || typeof arg === "bigint") return -25;
		const bytes = Buffer.from(arg.buffer, arg.byteOffset, arg.length);
		bytes.writeUInt32LE(1, 8);
		bytes.writeUInt32LE(this.nextFd++, 12);
		return 5;
	}
}

test("are recorded, replayed, compared, shown and exported with their file and their value", async () => {
	registerUapi(readHeader(header, "thing.h").addition);
	const file = join(temporaryFolder(), "things.jsonl");
	const writer = new TraceWriter(file, { kernel: "sim" });
	writer.program("things");
	const kernel = recording(new ThingKernel(), writer);
	const iommu = kernel.open("/dev/iommu");
	const memory = kernel.memfd("m", 4096n);
	const arg = Buffer.alloc(20);
	arg.writeUInt32LE(20, 0);
	arg.writeInt32LE(memory, 16);
	expect(kernel.ioctl(iommu, REQUEST, arg)).toBe(5);
	kernel.close(arg.readInt32LE(12));
	kernel.exit();
	writer.close();
	const step = readFileSync(file, "utf8")
		.split("\n")
		.find((line) => line.includes('"ioctl"')) as string;
	expect(JSON.parse(step)).toMatchObject({ request: "0x3b97", fd_in: { 16: "memfd1" }, ret: 5, fd_out: { 12: "thing1" } });

	const report = await replayFiles([file], { kernel: () => () => new ThingKernel() });
	expect(report).toMatchObject({ steps: 1, differing: 0 });

	const programs: Program[] = [];
	await eachProgram(file, { header: () => {}, program: (one) => void programs.push(one) });
	const line = programs[0].steps.map((one) => stepLine(one)).find((one) => one.startsWith("ioctl"));
	expect(line).toBe("ioctl(iommu1, IOMMU_THING_ALLOC, {memory_fd=memfd1}) = 5 {out_thing_id=1 out_thing_fd=thing1}");

	const { text, skipped } = exportC("things", { trace: "iommufd", version: 1 }, programs);
	expect(skipped).toEqual([]);
	expect(text).toContain("struct iommu_thing_alloc {");
	expect(text).toMatch(/answers\(\d, "IOMMU_THING_ALLOC", ioctl\(iommu1, IOMMU_THING_ALLOC, &cmd\), 5, 0\);/);
	expect(text).toContain("thing1 = cmd.out_thing_fd;");
});
