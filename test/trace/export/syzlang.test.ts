/** Tests of the export of descriptions for syzkaller, with a reader of its language that is enough to check them. */
import { describe, expect, it } from "vitest";
import { exportSyzlang } from "../../../src/trace/export/syzlang.js";
import { type Ioctl, ioctls, iommu_test_op, structByName } from "../../../structs/index.js";

interface Field {
	readonly name: string;
	readonly type: string;
	readonly line: string;
}

const text = exportSyzlang("0.0.0");
const lines = text.split("\n");

/** The structs with their fields. */
const structs = new Map<string, { fields: Field[]; end: string }>();
for (let at = 0; at < lines.length; at++) {
	const name = /^([\w$]+) \{$/.exec(lines[at])?.[1];
	if (name === undefined) continue;
	const fields: Field[] = [];
	while (!lines[++at].startsWith("}")) {
		const [, field, type] = /^\t(\w+)\t+([^\t]+)(?:\t\((?:out|inout)\))?$/.exec(lines[at]) ?? [];
		fields.push({ name: field, type, line: lines[at] });
	}
	expect(structs.has(name), name).toBe(false);
	structs.set(name, { fields, end: lines[at].slice(1).trim() });
}
const resources = new Map([...text.matchAll(/^resource (\w+)\[(\w+)\]$/gm)].map(([, name, base]) => [name, base]));
const flags = new Set([...text.matchAll(/^(\w+) = /gm)].map(([, name]) => name));

/** A type's size and alignment in bytes. */
function shape(type: string): [number, number] {
	const int = /^int(8|16|32|64)\b/.exec(type)?.[1];
	if (int) return [Number(int) / 8, Number(int) / 8];
	const inner = /^(?:const|len|flags)\[[^,]+, (.*)\]$/.exec(type)?.[1];
	if (inner) return shape(inner);
	if (type.startsWith("ptr64[") || type === "vma64") return [8, 8];
	const array = /^array\[(.*), (\d+)\]$/.exec(type);
	if (array && !array[1].includes("[")) {
		const [size, align] = shape(array[1]);
		return [size * Number(array[2]), align];
	}
	if (array) return [shape(array[1])[0] * Number(array[2]), shape(array[1])[1]];
	if (type.startsWith("array[")) return [0, shape(type.slice(6, -1))[1]];
	if (resources.has(type) || type === "fd") return [4, 4];
	throw new Error(`${type} is not a type`);
}

function sizeOf(fields: readonly Field[]): number {
	let end = 0;
	let most = 1;
	for (const { type } of fields) {
		const [size, align] = shape(type);
		end = Math.ceil(end / align) * align + size;
		most = Math.max(most, align);
	}
	return Math.ceil(end / most) * most;
}

describe("struct export --syzlang", () => {
	it("has every call of iommufd, every operation of the selftest driver, and VFIO's calls on devices", () => {
		const called = new Set([...text.matchAll(/^ioctl\$[\w$]+\(fd \w+, cmd const\[(\w+)\]/gm)].map(([, name]) => name));
		for (const { name } of Object.values<Ioctl>(ioctls))
			if (!/^VFIO_IOMMU_(?:ENABLE|DISABLE|DIRTY_PAGES)$/.test(name)) expect([...called], name).toContain(name);
		expect(called).toContain("VFIO_DEVICE_PCI_HOT_RESET");
		for (const op of Object.keys(iommu_test_op)) expect(text).toContain(`\nioctl$${op}(fd fd_iommufd, cmd const[IOMMU_TEST_CMD], `);
		for (const vendor of [
			"HWPT_ALLOC$VTD_S1",
			"HWPT_ALLOC$ARM_SMMUV3",
			"HWPT_ALLOC$AMD_GUEST",
			"HWPT_INVALIDATE$VTD_S1",
			"GET_HW_INFO$AMD",
			"VIOMMU_ALLOC$TEGRA241_CMDQV",
		])
			expect(text).toContain(`\nioctl$IOMMU_${vendor}(fd fd_iommufd, `);
	});

	it("declares all that it names, once, and makes what it uses", () => {
		for (const { fields } of structs.values()) {
			expect(new Set(fields.map(({ name }) => name)).size).toBe(fields.length);
			for (const { type, line } of fields) {
				const set = /^flags\[(\w+), /.exec(type)?.[1];
				if (set) expect(flags, line).toContain(set);
				const target = /^len\[(\w+), /.exec(type)?.[1];
				if (target && target !== "parent")
					expect(
						fields.map(({ name }) => name),
						line,
					).toContain(target);
				const pointed = /^ptr64\[(?:in|out|inout), (?:array\[)?([\w$]+)\]/.exec(type)?.[1];
				if (pointed && pointed !== "int8") expect(structs.has(pointed), line).toBe(true);
			}
		}
		for (const [, struct] of text.matchAll(/arg ptr\[in, ([\w$]+)\]/g)) expect(structs.has(struct), struct).toBe(true);
		const made = [...structs.values()].flatMap(({ fields }) => fields.filter(({ line }) => line.endsWith("(out)")).map(({ type }) => type));
		for (const name of resources.keys())
			expect(made.includes(name) || name === "pt_handle" || new RegExp(`\\) ${name}$`, "m").test(text), name).toBe(true);
	});

	it("has structs of the uAPI's sizes", () => {
		let compared = 0;
		for (const [name, { fields, end }] of structs) {
			const struct = structByName(name.split("$")[0]);
			if (struct === undefined) continue;
			compared++;
			if (end === "[size[IOMMU_TEST_CMD_SIZE]]") expect(sizeOf(fields), name).toBeLessThanOrEqual(72);
			else expect(sizeOf(fields), name).toBe(struct.size);
		}
		expect(compared).toBeGreaterThan(80);
	});

	it("says directions, lengths, constants and resources", () => {
		const fields = (name: string) => structs.get(name)?.fields.map(({ line }) => line.trim().replace(/\t+/g, " "));
		expect(fields("iommu_fault_alloc")).toEqual([
			"size len[parent, int32]",
			"flags const[0x0, int32]",
			"out_fault_id fault_handle (out)",
			"out_fault_fd fd_iommufd_fault (out)",
		]);
		expect(fields("iommu_hwpt_alloc$VTD_S1")).toEqual([
			"size len[parent, int32]",
			"flags flags[iommufd_hwpt_alloc_flags, int32]",
			"dev_id device_handle",
			"pt_id pt_handle",
			"out_hwpt_id hwpt_handle (out)",
			"__reserved const[0x0, int32]",
			"data_type const[IOMMU_HWPT_DATA_VTD_S1, int32]",
			"data_len len[data_uptr, int32]",
			"data_uptr ptr64[in, iommu_hwpt_vtd_s1]",
			"fault_id fault_handle",
			"__reserved2 const[0x0, int32]",
		]);
		expect(fields("iommu_test_cmd$dmabuf_revoke")?.slice(-2)).toEqual(["dmabuf_fd fd_iommufd_dmabuf", "revoked int32"]);
		expect(fields("iommu_test_cmd$md_check_iotlb")?.slice(-2)).toEqual(["check_iotlb_id int32", "iotlb int32"]);
		expect(text).toMatch(/^ioctl\$IOMMU_TEST_OP_DMABUF_GET\(.*\) fd_iommufd_dmabuf$/m);
		expect([resources.get("ioas_handle"), resources.get("hwpt_handle"), resources.get("fault_handle")]).toEqual([
			"pt_handle",
			"pt_handle",
			"int32",
		]);
	});

	it("is laid out as syz-fmt does: the types of a struct in one column of tabs", () => {
		const column = (line: string) => {
			let at = 0;
			for (const char of line.slice(0, line.search(/\t(?=[^\t]*$|[^\t]*\t\()/) + 1))
				at = char === "\t" ? (Math.floor(at / 8) + 1) * 8 : at + 1;
			return at;
		};
		for (const [name, { fields }] of structs) {
			expect(new Set(fields.map(({ line }) => column(line))).size, name).toBe(1);
			const widest = Math.max(...fields.map((field) => field.name.length));
			expect(column(fields[0].line), name).toBe(8 + (Math.floor(widest / 8) + 1) * 8);
		}
		expect(text).not.toMatch(/[ \t]$/m);
		expect(text.endsWith("\n")).toBe(true);
		expect(text.endsWith("\n\n")).toBe(false);
	});
});
