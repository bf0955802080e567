/** Fields in syzkaller's language: their types, the resources they use, and who fills them. */
import { constantsOf, type FieldInfo, isMadeFile, isMadeObject, type StructType, setInfo } from "../../../structs/index.js";
import type { Pointee, SyzCall } from "./syz-calls.js";

/** A field as syzkaller's language has it. */
export interface LangField {
	readonly name: string;
	readonly type: string;
	/** what the kernel does with it, unless it only reads it */
	readonly attribute?: "out" | "inout";
}

/** Takes what the types name, to be declared elsewhere. */
export interface Names {
	/** a set of constants under this name */
	flags(name: string, constants: readonly (readonly [name: string, value: number])[]): string;
	/** a struct that another one contains or points to */
	struct(type: StructType): string;
	/** a struct or union written in place */
	inline(name: string, fields: readonly LangField[], union: boolean): string;
	resource(name: string, base: string): string;
}

/** Objects by the name of a field that has their ID, without `out_` and `_id`. */
const KINDS: Readonly<Record<string, string>> = {
	dev: "device",
	idev: "device",
	stdev: "selftest_device",
	pt: "pt",
	dst_ioas: "ioas",
	src_ioas: "ioas",
};
/** What the `id` of the selftest driver's operations is; 0 for the others. */
const TEST_IDS: Readonly<Record<string, string>> = {
	ADD_RESERVED: "ioas_handle",
	MOCK_DOMAIN: "ioas_handle",
	MOCK_DOMAIN_FLAGS: "ioas_handle",
	MOCK_DOMAIN_REPLACE: "selftest_device_handle",
	MD_CHECK_MAP: "hwpt_handle",
	CREATE_ACCESS: "ioas_handle",
	DESTROY_ACCESS_PAGES: "fd_access",
	ACCESS_PAGES: "fd_access",
	ACCESS_RW: "fd_access",
	ACCESS_REPLACE_IOAS: "fd_access",
	DIRTY: "hwpt_handle",
	MD_CHECK_IOTLB: "hwpt_handle",
	DEV_CHECK_CACHE: "device_handle",
	PASID_ATTACH: "selftest_device_handle",
	PASID_REPLACE: "selftest_device_handle",
	PASID_DETACH: "selftest_device_handle",
	PASID_CHECK_HWPT: "selftest_device_handle",
};

const intOf = (size: number): string => `int${size * 8}`;
const hex = (value: bigint): string => (value === (1n << 64n) - 1n ? "-1" : `0x${value.toString(16)}`);

/** Types of the fields of a call's struct. */
export class CallTypes {
	readonly #call: SyzCall;
	readonly #names: Names;

	constructor(call: SyzCall, names: Names) {
		this.#call = call;
		this.#names = names;
	}

	field(field: FieldInfo): LangField {
		const type = this.#type(field);
		const computed = /^(?:len|const|ptr64|vma64)\b/.test(type) || type === "vma64";
		return { name: field.name, type, ...(field.dir !== "in" && !computed && { attribute: field.dir }) };
	}

	#type(field: FieldInfo): string {
		const { defaults, pointees, when } = this.#call;
		if (field.path.includes("@")) return this.#area(field);
		if (field.path in when || (field.path in defaults && defaults[field.path] !== -1n)) return constant(field, defaults[field.path]);
		const pointee = pointees.find((one) => one.field === field.path);
		if (pointee) return this.#pointer(pointee);
		const measured = pointees.find(({ count, length }) => count === field.path || length === field.path);
		if (measured) return `len[${last(measured.field)}, ${intOf(field.size)}]`;
		if (field.role === "ptr") return "ptr64[inout, array[int8]]";
		return this.#resource(field) ?? plainType(field, this.#call.name, this.#names);
	}

	/** syzkaller's two halves of an IOVA word */
	#area(field: FieldInfo): string {
		if (field.role === "reserved" && field.name.startsWith("__")) return `const[0x0, ${intOf(field.size)}]`;
		return field.name === "offset" ? "int32[0:4194304]" : "int32[0:10]";
	}

	#pointer({ type, count, pages, out, both }: Pointee): string {
		if (pages) return "vma64";
		const what = type === undefined ? "array[int8]" : this.#names.struct(type);
		return `ptr64[${out ? "out" : both ? "inout" : "in"}, ${count === undefined ? what : `array[${what}]`}]`;
	}

	#resource(field: FieldInfo): string | undefined {
		const { ioctl, name, kind } = this.#call;
		const made = ioctl.makes?.find((one) => (isMadeFile(one) ? one.fd : one.id) === field.path);
		if (made !== undefined && isMadeFile(made)) return this.#names.resource(fileResource(made.file), "fd");
		if (field.role === "fd") return this.#file(field);
		if (field.path === "id" && ioctl.name === "IOMMU_TEST_CMD") return this.#testId(name.replace(/^IOMMU_TEST_OP_|\$syz$/g, ""));
		if (/access_pages_id$/.test(field.path)) return this.#names.resource("access_pages_handle", "int32");
		if (field.role !== "id" && !(made && isMadeObject(made))) return undefined;
		const own = field.name.replace(/^out_/, "").replace(/_?id$/, "");
		const what = kind !== undefined && (own === "" || own === "hwpt") ? (KINDS[kind] ?? kind) : (KINDS[own] ?? own);
		if (ioctl.name === "IOMMU_OPTION") return this.#handle("ioas");
		return what === "" ? undefined : this.#handle(what);
	}

	#handle(kind: string): string {
		const base = ["ioas", "hwpt", "viommu"].includes(kind) ? this.#names.resource("pt_handle", "int32") : "int32";
		return this.#names.resource(`${kind}_handle`, base);
	}

	#file({ name }: FieldInfo): string {
		if (name === "iommufd") return "fd_iommufd";
		return name === "dmabuf_fd" ? this.#names.resource("fd_iommufd_dmabuf", "fd") : "fd";
	}

	#testId(op: string): string {
		const found = TEST_IDS[op];
		if (found === undefined) return "const[0x0, int32]";
		return found === "fd_access" ? this.#names.resource(found, "fd") : this.#handle(found.replace(/_handle$/, ""));
	}
}

/** The name of the resource of a kind of file. */
export const fileResource = (kind: string): string => (kind === "access" ? "fd_access" : `fd_iommufd_${kind.replaceAll("-", "_")}`);

const last = (path: string): string => path.split(".").at(-1) as string;

function constant(field: FieldInfo, value: bigint): string {
	const named =
		value === 0n && field.set && setInfo(field.set).kind === "flags"
			? undefined
			: constantsOf(field).find(([, one]) => BigInt(one) === value);
	return `const[${named?.[0] ?? hex(value)}, ${intOf(field.size)}]`;
}

/** The type of a field that needs no call to be known: in vendor data, and in structs that others contain. */
export function plainType(field: FieldInfo, owner: string, names: Names): string {
	const { decl } = field;
	if (field.bits) return `int32:${field.bits.width}`;
	if (decl.kind === "array") {
		// Elements without a name of their own are bytes.
		const plain = decl.element.kind !== "scalar" && !(decl.element.kind === "struct" && decl.element.name);
		if (plain) return decl.length === 0 ? "array[int8]" : `array[int8, ${field.size}]`;
		const element =
			decl.element.kind === "scalar" ? intOf(decl.element.size) : decl.element.kind === "struct" ? (decl.element.name ?? "int8") : "int8";
		const inner = field.role === "reserved" ? `const[0x0, ${element}]` : element;
		return decl.length === 0 ? `array[${inner}]` : `array[${inner}, ${decl.length}]`;
	}
	if (field.fields) {
		const inner = field.fields.map((one) => ({ name: one.name, type: plainType(one, `${owner}_${field.name}`, names) }));
		return names.inline(`${owner}_${field.name}`.toLowerCase().replaceAll("$", "_"), inner, decl.kind === "union");
	}
	if (field.role === "size") return `len[parent, ${intOf(field.size)}]`;
	if (field.role === "reserved" || isAlwaysZero(field)) return `const[0x0, ${intOf(field.size)}]`;
	// Flags say what a program may give.
	if (!field.set || field.dir === "out") return intOf(field.size);
	const constants = constantsOf(field).filter(([, value], at, all) => all.findIndex(([, one]) => one === value) === at);
	const { name } = setInfo(field.set);
	const more = Object.keys(field.extra ?? {}).length > 0 ? `_${field.name}` : "";
	return `flags[${names.flags(`${name}${more}`, constants)}, ${intOf(field.size)}]`;
}

/** A flags word in which no flag is defined. */
const isAlwaysZero = ({ name, set, dir, doc }: FieldInfo): boolean =>
	name === "flags" && !set && dir === "in" && /^no flag|must be zero/.test(doc);
