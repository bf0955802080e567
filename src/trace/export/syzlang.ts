/** `struct export --syzlang`: the declarations in syzkaller's language, laid out as its own formatter (syz-fmt) does. */
import { iommu_hwpt_page_response, iommu_hwpt_pgfault, type StructType } from "../../../structs/index.js";
import type { SyzCall } from "./syz-calls.js";
import { syzlangCalls } from "./syzlang-calls.js";
import { CallTypes, fileResource, type LangField, type Names, plainType } from "./syzlang-types.js";

/** The whole file, to be put in place of sys/linux/dev_iommu.txt. */
export function exportSyzlang(version: string): string {
	const writer = new LangWriter();
	return writer.file(syzlangCalls(), version);
}

const TAB = 8;

/** A struct or union: types of all fields begin in one column. */
function block(name: string, fields: readonly LangField[], end = "", union = false): string {
	const tabs = (text: string) => Math.floor(text.length / TAB) + 1;
	const widest = Math.max(0, ...fields.map((field) => tabs(field.name)));
	const lines = fields.map(
		({ name: field, type, attribute }) =>
			`\t${field}${"\t".repeat(widest - tabs(field) + 1)}${type}${attribute === undefined ? "" : `\t(${attribute})`}`,
	);
	return `${name} ${union ? "[" : "{"}\n${lines.join("\n")}\n${union ? "]" : "}"}${end}`;
}

class LangWriter implements Names {
	readonly #resources = new Map<string, string>();
	readonly #flags = new Map<string, string>();
	readonly #structs = new Map<string, string>();

	file(calls: readonly SyzCall[], version: string): string {
		const lines = calls.map((call) => this.#call(call));
		const queues = this.#queueFiles();
		const resources = [...this.#resources].map(([name, base]) => `resource ${name}[${base}]`);
		return [
			`# iommufd and the part of VFIO that belongs to it, written by iommuctl ${version} (struct export --syzlang).`,
			"# It takes the place of sys/linux/dev_iommu.txt.",
			"",
			"include <uapi/linux/fcntl.h>",
			"include <uapi/linux/iommufd.h>",
			"include <uapi/linux/vfio.h>",
			"include <../drivers/iommu/iommufd/iommufd_test.h>",
			"",
			"define IOMMU_TEST_CMD_SIZE\tsizeof(struct iommu_test_cmd)",
			"",
			"resource fd_iommufd[fd]",
			"resource fd_vfio_cdev[fd]",
			...resources,
			"",
			`openat$iommufd(fd const[AT_FDCWD], file ptr[in, string["/dev/iommu"]], flags flags[open_flags], mode const[0]) fd_iommufd`,
			`syz_open_dev$vfio_cdev(dev ptr[in, string["/dev/vfio/devices/vfio#"]], id intptr, flags flags[open_flags]) fd_vfio_cdev`,
			"",
			...lines,
			"",
			...queues,
			"",
			...[...this.#structs.values()].flatMap((text) => [text, ""]),
			...[...this.#flags].map(([name, values]) => `${name} = ${values}`),
			"",
		].join("\n");
	}

	#call(call: SyzCall): string {
		const { name, ioctl, argument } = call;
		const fd = /^VFIO_DEVICE_/.test(ioctl.name) ? "fd_vfio_cdev" : "fd_iommufd";
		const start = `ioctl$${name}(fd ${fd}, cmd const[${ioctl.name}]`;
		if (argument === "none") return `${start})`;
		if (argument === "value") return `${start}, arg flags[${this.#extensions()}])`;
		const returned = name === "IOMMU_TEST_OP_DMABUF_GET" ? ` ${this.resource("fd_iommufd_dmabuf", "fd")}` : "";
		return `${start}, arg ptr[in, ${this.#argument(call)}])${returned}`;
	}

	/** The struct of a call: a variant of the uAPI's, by what follows the call's name. */
	#argument(call: SyzCall): string {
		const { ioctl, name } = call;
		const uapi = (ioctl.struct as StructType).name;
		const isTest = ioctl.name === "IOMMU_TEST_CMD";
		const variant = isTest ? name.replace(/^IOMMU_TEST_OP_/, "").toLowerCase() : name.split("$").slice(1).join("_");
		// dev_vfio.txt has structs of VFIO's names.
		const parts = [uapi, ...(uapi.startsWith("vfio_") ? ["iommufd"] : []), ...(variant === "" ? [] : [variant])];
		const struct = parts.length === 1 ? uapi : `${parts[0]}$${parts.slice(1).join("_").replaceAll("$", "_")}`;
		if (!this.#structs.has(struct))
			this.#structs.set(struct, block(struct, this.#fields(call), isTest ? " [size[IOMMU_TEST_CMD_SIZE]]" : ""));
		return struct;
	}

	/** A member of the selftest driver's union may be called as a field before it: then its name has the member's in front. */
	#fields(call: SyzCall): LangField[] {
		const types = new CallTypes(call, this);
		const taken = new Set<string>();
		return call.fields.map((field) => {
			const made = types.field(field);
			const name = taken.has(made.name) ? field.path.replaceAll(".", "_") : made.name;
			taken.add(name);
			return { ...made, name };
		});
	}

	#extensions(): string {
		return this.flags("iommufd_vfio_extensions", [
			["VFIO_TYPE1_IOMMU", 1],
			["VFIO_TYPE1v2_IOMMU", 3],
			["VFIO_DMA_CC_IOMMU", 4],
			["VFIO_NOIOMMU_IOMMU", 8],
			["VFIO_UNMAP_ALL", 9],
			["VFIO_UPDATE_VADDR", 10],
		]);
	}

	/** Reading what the queues' files hold, and answering page faults. */
	#queueFiles(): string[] {
		const fault = this.resource(fileResource("fault"), "fd");
		const events = this.resource(fileResource("veventq"), "fd");
		return [
			`read$iommufd_fault(fd ${fault}, buf ptr[out, array[${this.struct(iommu_hwpt_pgfault)}]], len bytesize[buf])`,
			`write$iommufd_fault(fd ${fault}, buf ptr[in, array[${this.struct(iommu_hwpt_page_response)}]], len bytesize[buf])`,
			`read$iommufd_veventq(fd ${events}, buf ptr[out, array[int8]], len bytesize[buf])`,
		];
	}

	resource(name: string, base: string): string {
		this.#resources.set(name, base);
		return name;
	}

	flags(name: string, constants: readonly (readonly [string, number])[]): string {
		this.#flags.set(name, constants.map(([one]) => one).join(", "));
		return name;
	}

	struct(type: StructType): string {
		if (!this.#structs.has(type.name)) {
			this.#structs.set(type.name, "");
			const fields = type.fields.map((field) => ({ name: field.name, type: plainType(field, type.name, this) }));
			const directed = fields.map((field, at) =>
				type.fields[at].dir === "out" && type.fields.some(({ dir }) => dir !== "out") ? { ...field, attribute: "out" as const } : field,
			);
			this.#structs.delete(type.name);
			this.#structs.set(type.name, block(type.name, directed));
		}
		return type.name;
	}

	inline(name: string, fields: readonly LangField[], union: boolean): string {
		this.#structs.set(name, block(name, fields, "", union));
		return name;
	}
}
