/** How many bytes each address space of a program maps, call by call. */

import type { IoctlStep } from "../format.js";
import { fieldsOf } from "./perfetto-fields.js";

interface Area {
	readonly iova: bigint;
	readonly length: bigint;
}

export class MappedBytes {
	readonly #spaces = new Map<string, Area[]>();

	/** The address space that a call changed, by its context and name, and what it maps now; undefined: none. */
	follow(step: IoctlStep, request: string): { readonly space: string; readonly bytes: bigint } | undefined {
		if (step.ret < 0) return undefined;
		const given = fieldsOf(step, step.arg);
		const after = fieldsOf(step, step.out ?? step.arg);
		if (given === undefined || after === undefined) return undefined;
		const number = (path: string, from = given) => BigInt((from[path] as number | bigint | undefined) ?? 0);
		switch (request) {
			case "IOMMU_IOAS_MAP":
			case "IOMMU_IOAS_MAP_FILE":
				return this.#added(`${step.fd} ioas ${number("ioas_id")}`, number("iova", after), number("length"));
			case "IOMMU_IOAS_COPY":
				return this.#added(`${step.fd} ioas ${number("dst_ioas_id")}`, number("dst_iova", after), number("length"));
			case "IOMMU_IOAS_UNMAP":
				return this.#removed(`${step.fd} ioas ${number("ioas_id")}`, number("iova"), number("length"));
			case "IOMMU_DESTROY":
				return this.#gone(`${step.fd} ioas ${number("id")}`);
			case "VFIO_IOMMU_MAP_DMA":
				return this.#added(`${step.fd} container`, number("iova"), number("size"));
			case "VFIO_IOMMU_UNMAP_DMA": {
				const all = (number("flags") & 2n) !== 0n;
				return this.#removed(`${step.fd} container`, number("iova"), all ? 1n << 64n : number("size"));
			}
			default:
				return undefined;
		}
	}

	#added(space: string, iova: bigint, length: bigint): { space: string; bytes: bigint } {
		const areas = this.#spaces.get(space) ?? [];
		this.#spaces.set(space, [...areas, { iova, length }]);
		return this.#now(space);
	}

	/** Unmapping takes whole areas. */
	#removed(space: string, iova: bigint, length: bigint): { space: string; bytes: bigint } {
		const end = iova + length;
		const areas = (this.#spaces.get(space) ?? []).filter((area) => area.iova < iova || area.iova + area.length > end);
		this.#spaces.set(space, areas);
		return this.#now(space);
	}

	#gone(space: string): { space: string; bytes: bigint } | undefined {
		return this.#spaces.delete(space) ? { space, bytes: 0n } : undefined;
	}

	#now(space: string): { space: string; bytes: bigint } {
		return { space, bytes: (this.#spaces.get(space) ?? []).reduce((sum, { length }) => sum + length, 0n) };
	}
}
