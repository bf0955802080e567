/** Tests of the import of syzkaller programs as fuzzers write them: values left out, variants, the data area, how calls are made. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { wrapKernel } from "../../../src/kernel/wrap.js";
import { recordSteps } from "../../../src/trace/import/record-steps.js";
import { importSyz } from "../../../src/trace/import/syz.js";
import { ProgramReplay } from "../../../src/trace/replayer.js";
import { stepLine } from "../../../src/trace/tools/show.js";
import { newSim } from "../tools/fixtures.js";

function imported(text: string, kernel = newSim()) {
	const { steps, result } = recordSteps(kernel, (recorded) => importSyz(text, "a.syz", recorded));
	return { ...result, steps, lines: steps.map((step) => stepLine(step)).filter((line) => !/^(?:mmap|poke)/.test(line)) };
}

const fixture = (name: string) => imported(readFileSync(`test/fixtures/import/${name}.syz`, "utf8"));
const OPEN = "r0 = openat$iommufd(0xffffffffffffff9c, &(0x7f0000000000), 0x0, 0x0)";
const ALLOC = "ioctl$IOMMU_IOAS_ALLOC(r0, 0x3b81, &(0x7f0000000040)={0xc, 0x0, <r1=>0x0})";
const PAGES =
	"ioctl$IOMMU_IOAS_MAP$PAGES(r0, 0x3b85, &(0x7f0000000080)={0x28, 0x7, r1, 0x0, &(0x7f0000010000/0x4000)=nil, 0x4000, 0x80000})";
const program = (...lines: string[]) => imported([OPEN, ALLOC, ...lines].join("\n"));

describe("fields that are left out", () => {
	it("have their types' defaults: a constant is that constant, flags are 0", () => {
		const { lines, skipped } = fixture("syz-omitted-constants");
		expect(skipped).toEqual([]);
		expect(lines.slice(2)).toEqual([
			"ioctl(iommu1, IOMMU_VFIO_IOAS, {ioas_id=1 op=SET}) = 0",
			"ioctl(iommu1, VFIO_IOMMU_MAP_DMA, {flags=READ|WRITE vaddr=0x200000001000 iova=0x10000 size=0x1000}) = 0",
			"ioctl(iommu1, IOMMU_VFIO_IOAS, {op=CLEAR}) = 0",
			"ioctl(iommu1, IOMMU_TEST_CMD, {op=MOCK_DOMAIN}) = -1 ENOENT",
			"ioctl(iommu1, IOMMU_IOAS_UNMAP, {ioas_id=1 length=0xffffffffffffffff}) = 0 {length=0x1000}",
			"ioctl(iommu1, IOMMU_OPTION, {option_id=HUGE_PAGES}) = -1 ENOENT",
		]);
	});

	it("a file is -1, a pointer the start of the data area, memory for whole pages nothing", () => {
		const { steps, lines } = program(
			"ioctl$IOMMU_TEST_OP_ACCESS_REPLACE_IOAS(r0, 0x3ba0, &(0x7f0000000080)={0x48})",
			"ioctl$IOMMU_IOAS_MAP(r0, 0x3b85, &(0x7f0000000080)={0x28, 0x7, r1})",
			"ioctl$IOMMU_IOAS_MAP$PAGES(r0, 0x3b85, &(0x7f0000000080)={0x28, 0x7, r1})",
		);
		expect(steps.at(-3)).toMatchObject({ arg: expect.stringMatching(/^480000000b000000ffffffff0{8}/) });
		expect(lines.slice(-2)).toEqual([
			"ioctl(iommu1, IOMMU_IOAS_MAP, {flags=FIXED_IOVA|WRITEABLE|READABLE ioas_id=1 user_va=0x200000000000}) = -1 EINVAL",
			"ioctl(iommu1, IOMMU_IOAS_MAP, {flags=FIXED_IOVA|WRITEABLE|READABLE ioas_id=1}) = -1 EINVAL",
		]);
	});

	it("AUTO is worked out: a constant, the struct's size, the number of what is pointed to", () => {
		const { lines } = program(
			"ioctl$IOMMU_IOAS_ALLOW_IOVAS(r0, 0x3b82, &AUTO={AUTO, r1, AUTO, AUTO, &AUTO=[{0x1000, 0x1fff}, {0x4000, 0x4fff}]})",
			"ioctl$IOMMU_VFIO_IOAS$SET(r0, 0x3b88, &AUTO={AUTO, r1, AUTO, AUTO})",
		);
		expect(lines.slice(-2)).toEqual([
			"ioctl(iommu1, IOMMU_IOAS_ALLOW_IOVAS, {ioas_id=1 num_iovas=2 allowed_iovas=0x200000c00000}) = 0",
			"ioctl(iommu1, IOMMU_VFIO_IOAS, {ioas_id=1 op=SET}) = 0",
		]);
	});
});

describe("calls", () => {
	it("$syz variants are calls: an area's number and an offset in it stand for the IOVA", () => {
		const sim = newSim();
		const memory = Buffer.alloc(4);
		const text = readFileSync("test/fixtures/import/syz-variant-access-rw.syz", "utf8");
		const { skipped, lines } = imported(
			text,
			wrapKernel(sim, {
				exit() {
					sim.peek(0x200000011000n, memory);
					sim.exit();
				},
			}),
		);
		expect(skipped).toEqual([]);
		expect(lines.at(-1)).toMatch(/access_rw\.iova=0x100000000000 .* access_rw\.flags=WRITE\|MOCK_FLAGS_ACCESS_SYZ id=access1\}\) = 0$/);
		expect(memory.toString("hex")).toBe("01020304");
	});

	it("an empty rest, bytes behind the struct, and a union's member in its place", () => {
		const { lines, skipped, steps } = fixture("syz-vfio-unmap");
		expect(skipped).toEqual([]);
		expect(lines.slice(3, 6).map((line) => / = (-?\d+)/.exec(line)?.[1])).toEqual(["0", "0", "0"]);
		const args = steps.flatMap((step) => (step.op === "ioctl" && step.request === "VFIO_IOMMU_UNMAP_DMA" ? [step] : []));
		expect(args.map(({ arg }) => (arg?.length ?? 0) / 2)).toEqual([24, 25, 26, 24]);
		expect(args.slice(0, 3).map(({ out }) => out?.slice(32, 48))).toEqual(Array(3).fill("0000000000000000"));
		expect(args.slice(0, 3).map(({ arg }) => arg?.slice(48))).toEqual(["", "00", "0011"]);
	});

	it("a struct without a shape is its bytes and variables", () => {
		const { lines } = program(
			'ioctl$IOMMU_VFIO_IOAS$SET(r0, 0x3b88, &(0x7f0000000080)=ANY=[@ANYBLOB="0c000000", @ANYRES32=r1, @ANYBLOB="01000000"])',
			'ioctl$IOMMU_IOAS_MAP(r0, 0x3b85, &(0x7f0000000080)=ANY=[@ANYBLOB="2800000007000000", @ANYRES32=r1, @ANYBLOB="00000000", @ANYPTR64=&(0x7f0000004000)=ANY=[@ANYBLOB="aa"], @ANYBLOB="00100000000000000000400000000000"])',
		);
		expect(lines.slice(-2)).toEqual([
			"ioctl(iommu1, IOMMU_VFIO_IOAS, {ioas_id=1 op=SET}) = 0",
			"ioctl(iommu1, IOMMU_IOAS_MAP, {flags=FIXED_IOVA|WRITEABLE|READABLE ioas_id=1 user_va=0x200000004000 length=0x1000 iova=0x400000}) = 0",
		]);
	});

	it("a struct without a shape sets variables from where they are in it", () => {
		const { lines } = program(
			'ioctl$IOMMU_IOAS_ALLOC(r0, 0x3b81, &(0x7f0000000080)=ANY=[@ANYBLOB="0c000000", @ANYRES32=0x0, @ANYRES32=<r8=>0x0])',
			"ioctl$IOMMU_IOAS_UNMAP$ALL(r0, 0x3b86, &(0x7f0000000200)={0x18, r8})",
			'ioctl$IOMMU_IOAS_ALLOC(r0, 0x3b81, &(0x7f0000000080)=ANY=[@ANYBLOB="0c000000ffffffff", @ANYRES32=<r9=>0x7])',
			"ioctl$IOMMU_IOAS_UNMAP$ALL(r0, 0x3b86, &(0x7f0000000200)={0x18, r9})",
		);
		const id = /out_ioas_id=(\d+)/.exec(lines.at(-4) ?? "")?.[1];
		expect(lines.at(-3)).toBe(`ioctl(iommu1, IOMMU_IOAS_UNMAP, {ioas_id=${id} length=0xffffffffffffffff}) = 0 {length=0}`);
		// A call that failed sets the value that the program has there.
		expect(lines.at(-2)).toMatch(/ = -1 EOPNOTSUPP|= -1 ENOTSUP/);
		expect(lines.at(-1)).toBe("ioctl(iommu1, IOMMU_IOAS_UNMAP, {ioas_id=7 length=0xffffffffffffffff}) = -1 ENOENT");
	});

	it("plain openat, close and ioctl, VFIO's own names, and calls that syzkaller does not describe by the name of the uAPI", () => {
		const { lines, skipped } = imported(
			[
				"r0 = openat(0xffffffffffffff9c, &(0x7f0000000000)='/dev/iommu\\x00', 0x2, 0x0)",
				"ioctl(r0, 0x3b81, &(0x7f0000000040)={0xc, 0x0, <r1=>0x0})",
				"ioctl$IOMMU_FAULT_QUEUE_ALLOC(r0, 0x3b8e, &(0x7f0000000040)={0x10, 0x0, <r2=>0x0, <r3=>0xffffffffffffffff})",
				"ioctl$VFIO_CHECK_EXTENSION(r0, 0x3b65, 0x3)",
				"openat(0xffffffffffffff9c, &(0x7f0000000000)='/dev/null\\x00', 0x2, 0x0)",
				'syz_mount_image$ext4(&(0x7f0000000000), &(0x7f0000000040), 0x0, &AUTO={[]}, 0x1, 0x4, &(0x7f0000000080)="$eJzs3M9rHFUcAPDv")',
				"close$ibv(r3)",
			].join("\n"),
		);
		expect(lines).toEqual([
			'open("/dev/iommu") = iommu1',
			"ioctl(iommu1, IOMMU_IOAS_ALLOC, {}) = 0 {out_ioas_id=1}",
			"ioctl(iommu1, IOMMU_FAULT_QUEUE_ALLOC, {out_fault_fd=4294967295}) = 0 {out_fault_id=2 out_fault_fd=fault1}",
			"ioctl(iommu1, VFIO_CHECK_EXTENSION, 3) = 1",
			"close(fault1)",
		]);
		expect(skipped.map(({ line, why }) => `${line}: ${why}`)).toEqual(["5: is not a known call", "6: is not a known call"]);
	});
});

describe("the data area", () => {
	it("is where 64-bit syzkaller has it today, so that numbers and pointers are the same place", () => {
		expect(fixture("syz-data-address").lines.at(-1)).toMatch(/access_pages\.uptr=0x200000010000 id=access1\}\) = 0/);
	});

	it("is where it was before 2025 for programs with numbers there", () => {
		const { lines, steps } = program(
			PAGES,
			"ioctl$IOMMU_TEST_OP_CREATE_ACCESS(r0, 0x3ba0, &(0x7f00000000c0)={0x48, 0x5, r1, 0x0, <r2=>0xffffffffffffffff, 0x1})",
			"ioctl$IOMMU_TEST_OP_ACCESS_PAGES(r0, 0x3ba0, &(0x7f0000000100)={0x48, 0x7, r2, 0x0, 0x0, 0x0, 0x80000, 0x1000, 0x20010000})",
		);
		expect(steps[0]).toMatchObject({ op: "mmap", addr: "0x20000000" });
		expect(lines.at(-1)).toMatch(/access_pages\.uptr=0x20010000 id=access1\}\) = 0/);
	});
});

describe("how calls are made", () => {
	it("fail_nth makes the call's nth allocation fail, in the trace and in a replay of it", () => {
		const { lines, notes, steps } = program(`${PAGES} (fail_nth: 1)`, `${PAGES} (fail_nth: 9)`);
		expect(lines.slice(-2)).toEqual([expect.stringMatching(/, fail_nth 1\) = -1 ENOMEM$/), expect.stringMatching(/, fail_nth 9\) = 0$/)]);
		expect(notes.map(({ line, why }) => `${line}: ${why}`)).toEqual([
			"3: (fail_nth: 1): its allocation 1 was made to fail",
			"4: (fail_nth: 9): it makes fewer than 9 allocations here",
		]);
		const again = new ProgramReplay(newSim());
		expect(steps.map((step) => again.run(step)).filter((answer) => answer !== undefined)).toEqual([]);
	});

	it("a kernel whose allocations do not fail makes the call, and says so; a replay there is not compared", () => {
		const sim = newSim();
		const plain = new Proxy(sim, {
			has: (target, key) => key !== "failNth" && key in target,
			get: (target, key) => {
				const value = Reflect.get(target, key, target);
				return typeof value === "function" ? value.bind(target) : value;
			},
		});
		const { notes, lines } = imported([OPEN, ALLOC, `${PAGES} (fail_nth: 1)`].join("\n"), plain);
		expect(notes[0].why).toMatch(/do not fail on request, so the call was made without/);
		expect(lines.at(-1)).toMatch(/= 0$/);
		const again = new ProgramReplay(plain);
		for (const step of program(`${PAGES} (fail_nth: 1)`, PAGES).steps) again.run(step);
		expect(again.blocked).toMatch(/do not fail on request/);
		expect([again.steps, again.differing, again.notCompared]).toEqual([1, 0, 2]);
	});

	it("rerun makes it so many times more; async says that its order is not certain", () => {
		const { lines, notes, calls } = program(`${PAGES} (async, rerun: 3)`, "close(r0) (colour: red)");
		expect(calls).toBe(7);
		expect(lines.slice(2, 6).map((line) => line.replace(/^.*= /, ""))).toEqual(["0", "-1 EEXIST", "-1 EEXIST", "-1 EEXIST"]);
		expect(notes.map(({ line, why }) => `${line}: ${why}`)).toEqual([
			"3: (async): it was made in order here; syzkaller does not wait for it, so its order is not certain",
			"4: (colour: red) is not known and was left out",
		]);
		const many = program("ioctl$IOMMU_VFIO_GET_API_VERSION(r0, 0x3b64) (rerun: 999999)");
		expect([many.calls, many.notes[0].why]).toEqual([1003, "(rerun: 999999): it was made 1000 times more"]);
	});
});
