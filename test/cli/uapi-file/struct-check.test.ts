/** `struct check`: declared layouts against BTF, as a process. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { BtfWriter, elf, iommufd } from "../../btf/writer.js";
import { tsm } from "../../headers/fixtures.js";
import { iommuctl, iommuctlProcess, temporaryFolder } from "../cli.js";

const folder = temporaryFolder();
const run = (line: string) => (line.includes("--uapi-file") ? iommuctlProcess : iommuctl)(line.split(" "), { cwd: folder });

beforeAll(() => {
	const base = iommufd();
	const module = new BtfWriter(base.end);
	// The series' struct of another version: a member fewer.
	module.struct("iommu_vdevice_tsm_op", 32, [
		["size", 2, 0],
		["op", 2, 32],
		["flags", 2, 64],
		["vdevice_id", 2, 96],
		["req_len", 2, 128],
		["resp_len", 2, 160],
		["req_uptr", 4, 192],
	]);
	writeFileSync(join(folder, "vmlinux"), elf({ ".BTF": base.bytes() }));
	writeFileSync(join(folder, "base.btf"), base.bytes());
	writeFileSync(join(folder, "module.btf"), module.bytes());
	writeFileSync(join(folder, "tsm.h"), tsm);
});

describe("struct check", () => {
	test("finds what is as declared, in BTF and in ELF", () => {
		expect(run("struct check --btf base.btf")).toMatchObject({
			status: 0,
			stdout: expect.stringMatching(/base\.btf: 3 as declared, 0 not, \d+ not there\n$/),
		});
		expect(run("struct check destroy ioas_unmap --btf vmlinux")).toMatchObject({
			status: 0,
			stdout: expect.stringContaining("2 as declared, 0 not, 0 not there"),
		});
	});

	test("compares a header's structs, in a module over its kernel", () => {
		const ran = run("struct check vdevice_tsm_op destroy --uapi-file tsm.h --btf module.btf --btf-base vmlinux");
		expect(ran.status).toBe(1);
		expect(ran.stdout).toContain(
			"differs  struct iommu_vdevice_tsm_op\n    size 40, in the kernel's 32\n    resp_uptr: not in the kernel's\n",
		);
		expect(ran.stdout).toMatch(/1 as declared, 1 not, 0 not there\n$/);
		const document = JSON.parse(run("struct check vdevice_tsm_op --uapi-file tsm.h --btf module.btf --btf-base base.btf --json").stdout);
		expect(document).toMatchObject({
			schema: "iommuctl.struct-check",
			ok: false,
			files: [{ file: join(folder, "module.btf"), types: 9 }],
			checked: [
				{
					name: "iommu_vdevice_tsm_op",
					kind: "struct",
					result: "differs",
					differences: [
						{ name: null, what: "size", declared: 40, there: 32 },
						{ name: "resp_uptr", what: "only declared", declared: 32, there: null },
					],
				},
			],
		});
	});

	test("says in a line what it cannot do", () => {
		expect(run("struct check ioas_map --btf base.btf")).toMatchObject({
			status: 1,
			stdout: expect.stringMatching(/^absent {2}struct iommu_ioas_map\n/),
		});
		expect(run("struct check --btf tsm.h")).toMatchObject({ status: 2, stderr: expect.stringContaining("tsm.h: not BTF") });
		expect(run("struct check --btf module.btf")).toMatchObject({ status: 2, stderr: expect.stringContaining("--btf-base vmlinux") });
		expect(run("struct check --btf gone")).toMatchObject({ status: 2, stderr: "error: --btf: gone: no such file\n" });
		expect(run("struct check --btf-base vmlinux")).toMatchObject({ status: 2, stderr: expect.stringContaining("give the file by --btf") });
		writeFileSync(join(folder, "empty.btf"), new BtfWriter().bytes());
		expect(run("struct check --btf empty.btf")).toMatchObject({
			status: 3,
			stderr: expect.stringContaining("none of the structs is there"),
		});
		expect(run("struct check nobody --btf base.btf").status).toBe(2);
	});
});
