/** --uapi-file: a header's call in every command. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { tsm, tsmDiff } from "../../headers/fixtures.js";
import { documents, iommuctl, iommuctlProcess, temporaryFolder } from "../cli.js";

const folder = temporaryFolder();
const env = { IOMMUCTL_UAPI_FILE: "tsm.h" };
const residue = "IOMMU_VDEVICE_TSM_OP:retval=5";

beforeAll(() => {
	writeFileSync(join(folder, "tsm.h"), tsm);
	writeFileSync(join(folder, "tsm.diff"), tsmDiff);
	writeFileSync(
		join(folder, "other.h"),
		"struct iommu_preserve {\n\t__u32 size;\n\t__u32 hwpt_id;\n};\n#define IOMMU_PRESERVE _IO(IOMMUFD_TYPE, 0x95)\nint f(void);\n",
	);
});

/** With the header in the environment. */
const run = (line: string, input?: string) => iommuctl(line.split(" "), { cwd: folder, env, input });
const json = (line: string) => JSON.parse(run(line).stdout) as Record<string, never>;

describe("a header's call", () => {
	test("is made, and the simulated kernel does not know it", () => {
		const ran = iommuctlProcess(
			"call vdevice_tsm_op --uapi-file tsm.h --kernel sim --op guest_req --vdevice-id 3 --expect ENOTTY".split(" "),
			{
				cwd: folder,
			},
		);
		expect([ran.status, ran.stdout]).toEqual([0, expect.stringMatching(/^ok {2}IOMMU_VDEVICE_TSM_OP failed as expected: ENOTTY/)]);
		expect(run("call IOMMU_VDEVICE_TSM_OP --kernel sim").status).toBe(1);
	});

	test("has help from kernel-doc", () => {
		const { stdout } = run("call vdevice-tsm-op --help");
		expect(stdout).toContain("Hand a request of a guest to the security manager of the platform.");
		expect(stdout).toContain("The value returned is the number of bytes that did not fit.");
		expect(stdout).toMatch(/--op <value> +one of enum iommu_vdevice_tsm_op_type; BIND, UNBIND, GUEST_REQ/);
		expect(stdout).toMatch(/--vdevice-id <id> +the virtual device/);
		expect(run("call --help").stdout).toMatch(/IOMMU_VDEVICE_TSM_OP .* +Hand a request/);
	});

	test("is 40 bytes at 0x3b96, with --set over the rest", () => {
		const document = json("call vdevice_tsm_op --dry-run --json --op bind --vdevice-id 3 --req-bytes 0102 --set flags=0x80000000");
		expect(document).toMatchObject({
			request: "0x3b96",
			struct: "iommu_vdevice_tsm_op",
			sent: { size: 40, op: 1, flags: 0x80000000, vdevice_id: 3, req_len: 2 },
		});
		expect((document.bytes as string).length).toBe(80);
		expect(document.memory).toMatchObject([{ bytes: "0102" }]);
	});

	test("is in struct show, encode, decode and list, raw, kernel and require", () => {
		expect(run("struct show vdevice_tsm_op").stdout).toMatch(
			/^struct iommu_vdevice_tsm_op, 40 bytes: Hand a request.*\n {2}IOMMU_VDEVICE_TSM_OP 0x3b96, from tsm.h\n/,
		);
		const hex = run("struct encode vdevice_tsm_op op=UNBIND vdevice_id=3").stdout.trim();
		expect(run(`struct decode IOMMU_VDEVICE_TSM_OP ${hex}`).stdout).toMatch(/op +UNBIND \(2\)[\s\S]*vdevice_id +3/);
		expect(run("struct list tsm").stdout).toMatch(/^iommu_vdevice_tsm_op .*\niommu_vdevice_tsm_op_type /);
		expect(run("raw 0x3b96 op=GUEST_REQ --kernel sim --expect ENOTTY").stdout).toContain("IOMMU_VDEVICE_TSM_OP");
		expect(run("raw vdevice_tsm_op op=GUEST_REQ --dry-run").stdout).toContain("GUEST_REQ (3)");
		expect(run("kernel --kernel sim").stdout).toMatch(/ no +IOMMU_VDEVICE_TSM_OP/);
		expect(run("run - --kernel sim", "require ioctl IOMMU_VDEVICE_TSM_OP").status).toBe(77);
	});

	test("is completed, with its fields and their values", () => {
		const answers = (line: string) => iommuctlProcess(["completion", "answer", "--", ...line.split(" ")], { cwd: folder }).stdout;
		expect(answers("--uapi-file tsm.h call IOMMU_VDEVICE_T")).toContain("IOMMU_VDEVICE_TSM_OP\t");
		expect(run("completion answer -- call IOMMU_VDEVICE_TSM_OP --re").stdout.match(/^--\S+/gm)).toEqual(
			expect.arrayContaining(["--req-bytes", "--req-room", "--req-len", "--req-uptr", "--resp-len", "--record"]),
		);
		expect(run("completion answer -- call IOMMU_VDEVICE_TSM_OP --op B").stdout).toMatch(/^BIND\t/);
		expect(run("completion answer -- struct show iommu_vdevice_t").stdout).toContain("iommu_vdevice_tsm_op_type\t");
	});

	test("is meant by a word with a mistake in it", () => {
		expect(run("call vdevice_tsm_oq").stderr).toContain("did you mean IOMMU_VDEVICE_TSM_OP");
		expect(run("raw vdevice_tsm_oq").stderr).toContain("did you mean VDEVICE_TSM_OP");
		expect(run("call vdevice_tsm_op --vdevice-ix 3").stderr).toContain("did you mean --vdevice-id?");
		expect(run("call vdevice_tsm_op --op bint").stderr).toContain("did you mean BIND?");
	});

	test("stays in a session", () => {
		const xdg = { XDG_RUNTIME_DIR: folder };
		const started = iommuctlProcess(["session", "start", "--kernel", "sim", "--uapi-file", "tsm.h"], { cwd: folder, env: xdg });
		const inside = { cwd: "/", env: { ...xdg, IOMMUCTL_SESSION: /=(\S+)/.exec(started.stdout)?.[1] ?? "" } };
		try {
			expect(iommuctlProcess(["call", "vdevice_tsm_op", "--expect", "ENOTTY"], inside).status).toBe(0);
			expect(iommuctlProcess(["call", "vdevice_tsm_op", "--uapi-file", "tsm.h"], inside)).toMatchObject({
				status: 2,
				stderr: "error: a session has the headers that it was started with\n  give --uapi-file to `iommuctl session start`\n",
			});
		} finally {
			expect(iommuctlProcess(["session", "stop", "--all"], inside).status).toBe(0);
		}
	});
});

describe("a value that a call returns", () => {
	test("is its answer: as text, quiet, in JSON, expected, in a script", () => {
		expect(run(`call vdevice_tsm_op --kernel sim --inject ${residue}`).stdout).toBe("ok  IOMMU_VDEVICE_TSM_OP  ret=5\n");
		expect(run(`call vdevice_tsm_op --kernel sim --inject ${residue} -q`).stdout).toBe("5\n");
		expect(json(`call vdevice_tsm_op --kernel sim --inject ${residue} --json`)).toMatchObject({ ok: true, ret: 5, errno: null, id: 5 });
		expect(run(`call vdevice_tsm_op --kernel sim --inject ${residue} --expect ret=5`).status).toBe(0);
		expect(run(`raw 0x3b96 --kernel sim --inject ${residue} --expect ret=4`)).toMatchObject({
			status: 1,
			stderr: expect.stringContaining("IOMMU_VDEVICE_TSM_OP returned 5, but ret=4 was expected"),
		});
		expect(run("call vdevice_tsm_op --kernel sim --expect ret=0").stderr).toContain("(ret=0 was expected)");
		expect(run("ioas alloc --kernel sim --expect ret=-1").status).toBe(2);
		const lines = ["r = call vdevice_tsm_op", "check $r == 5", "check $r.ret == 5", "expect ret=5 raw 0x3b96", "expect ret=0 ioas alloc"];
		expect(run(`run - --kernel sim --inject ${residue}`, lines.join("\n")).stdout).toContain("5 commands: 5 ok");
	});

	test("is recorded, shown, compared and checked in C, with the header and without", () => {
		const trace = join(folder, "residue.jsonl");
		run(`call vdevice_tsm_op --kernel sim --op guest_req --vdevice-id 3 --req-bytes 0102 --inject ${residue} --record ${trace}`);
		expect(readFileSync(trace, "utf8")).toMatch(/"request":"0x3b96",.*"ret":5/);
		const without = (line: string) => iommuctl([...line.split(" "), trace], { cwd: folder });
		expect(run(`trace show ${trace}`).stdout).toContain("ioctl(iommu1, IOMMU_VDEVICE_TSM_OP, {op=GUEST_REQ vdevice_id=3 req_len=0x2");
		expect(without("trace show").stdout).toMatch(/ioctl\(iommu1, 0x3b96, 28000000.* = 5/);
		expect(without("replay").stdout).toMatch(/expected +ret 5\n +got +ret -1 ENOTTY/);
		expect(run(`replay ${trace}`).stdout).toContain("ioctl iommu1 IOMMU_VDEVICE_TSM_OP");
		expect(run(`replay ${trace} --inject ${residue}`)).toMatchObject({ status: 0 });
		const c = run(`trace export ${trace} --c`).stdout;
		expect(c).toContain("#define IOMMU_VDEVICE_TSM_OP 0x3b96");
		expect(c).toContain("struct iommu_vdevice_tsm_op {\n\tuint32_t size;");
		expect(c).toMatch(/answers\(\d+, "IOMMU_VDEVICE_TSM_OP", ioctl\(iommu1, IOMMU_VDEVICE_TSM_OP, &cmd\), 5, 0\);/);
		const file = join(folder, "residue.c");
		writeFileSync(file, c);
		execFileSync("cc", ["-Wall", "-Wextra", "-Werror", "-c", "-o", "/dev/null", file]);
		expect(without("trace export --c").stdout).toContain("0x3b96");
	});

	test("differs between kernels like any other answer", () => {
		const line = '{"op":"ioctl","fd":"iommu1","request":"0x3b96","arg":"08000000","ret":5}';
		const file = (name: string, text: string): string => {
			const path = join(folder, name);
			writeFileSync(
				path,
				`{"trace":"iommufd","version":1}\n{"program":"p"}\n{"op":"open","path":"/dev/iommu","fd":"iommu1"}\n${text}\n{"op":"end"}\n`,
			);
			return path;
		};
		const diff = run(`trace diff ${file("a.jsonl", line)} ${file("b.jsonl", line.replace("5}", "6}"))}`);
		expect(diff.status).toBe(1);
		expect(diff.stdout).toContain("-     ret  5\n+     ret  6\n");
	});
});

describe("a file", () => {
	test("may be a diff; several are taken together, by option and by variable", () => {
		expect(iommuctlProcess("--uapi-file tsm.diff struct show iommu_vdevice_tsm_op".split(" "), { cwd: folder }).stdout).toContain(
			"0x3b96, from tsm.diff",
		);
		const both = iommuctlProcess("struct list --uapi-file=other.h".split(" "), { cwd: folder, env });
		expect(both.stdout).toMatch(/^iommu_preserve /m);
		expect(both.stdout).toMatch(/^iommu_vdevice_tsm_op /m);
		const listed = iommuctlProcess(["struct", "list"], { cwd: folder, env: { IOMMUCTL_UAPI_FILE: "tsm.h:other.h" } });
		expect(listed.stdout).toMatch(/^iommu_preserve /m);
		expect(listed.stderr).toBe("note: other.h: 1 declaration not understood; iommuctl struct list --uapi-file other.h says which\n");
	});

	test("that gives a number to another call wins, and that is said", () => {
		const ran = iommuctlProcess("raw 0x3b95 --kernel sim --expect ENOTTY --uapi-file other.h".split(" "), { cwd: folder });
		expect(ran.stderr).toContain('note: other.h:6: "int" does not begin an enum, a struct, a union or a #define\n');
		expect(ran.stderr).toContain("note: other.h: 0x3b95 is IOMMU_PRESERVE here, not IOMMU_IOAS_NOIOMMU_GET_PA\n");
		expect(ran.stdout).toMatch(/^ok {2}IOMMU_PRESERVE failed as expected: ENOTTY/);
		const quiet = iommuctlProcess("call preserve --kernel sim --json".split(" "), { cwd: folder, env: { IOMMUCTL_UAPI_FILE: "other.h" } });
		expect(documents(quiet)[0].notes).toEqual(["other.h: 0x3b95 is IOMMU_PRESERVE here, not IOMMU_IOAS_NOIOMMU_GET_PA"]);
		// Without the header the number is Linux 7.3's, and so is the answer.
		expect(iommuctlProcess("raw 0x3b95 --kernel sim".split(" ")).stderr).toMatch(/IOMMU_IOAS_NOIOMMU_GET_PA: (?!ENOTTY)/);
	});

	test("that is longer than what is declared makes the call's own command longer", () => {
		writeFileSync(
			join(folder, "longer.h"),
			"enum iommufd_ioas_map_flags {\n\tIOMMU_IOAS_MAP_FIXED_IOVA = 1 << 0,\n\tIOMMU_IOAS_MAP_WRITEABLE = 1 << 1,\n\tIOMMU_IOAS_MAP_READABLE = 1 << 2,\n\tIOMMU_IOAS_MAP_OURS = 1 << 3,\n};\nstruct iommu_ioas_alloc {\n\t__u32 size;\n\t__u32 flags;\n\t__u32 out_ioas_id;\n\t__u32 token;\n};\n",
		);
		const at = (line: string) => iommuctlProcess([...line.split(" "), "--uapi-file", "longer.h"], { cwd: folder });
		expect(at("ioas alloc --kernel sim --token 7").stderr).toContain("E2BIG");
		expect(at("ioas alloc --kernel sim -q").stdout).toBe("1\n");
		expect(at("ioas map 1 --length 4k --flags READABLE,OURS --dry-run").stdout).toContain("READABLE|OURS (0xc)");
	});

	test("that is none of it is refused in a line", () => {
		writeFileSync(join(folder, "text.h"), "nothing\nlike it\n");
		expect(iommuctlProcess(["struct", "list", "--uapi-file", "gone.h"], { cwd: folder })).toMatchObject({
			status: 2,
			stderr: "error: --uapi-file: gone.h: no such file\n",
		});
		expect(iommuctlProcess(["struct", "list", "--uapi-file", "text.h"], { cwd: folder })).toMatchObject({
			status: 2,
			stderr:
				'error: text.h:1: "nothing" does not begin an enum, a struct, a union or a #define\n  a C header of iommufd is expected, or a unified diff of one\n',
		});
		expect(iommuctlProcess(["run", "-", "--kernel", "sim"], { input: "ioas alloc --uapi-file tsm.h" })).toMatchObject({
			status: 2,
			stderr: expect.stringContaining("--uapi-file holds for the whole of a script"),
		});
	});
});
