/** The files that this process has open, and those among them that a program left without knowing. */
import { closeSync, readdirSync, readlinkSync } from "node:fs";

export interface OpenFile {
	readonly fd: number;
	/** `/dev/iommu`, `anon_inode:[iommufd-fault]` */
	readonly name: string;
}

/** Those whose name fits, lowest first; none if /proc is not mounted. */
export function openFiles(fits: (name: string) => boolean, root = "/proc/self/fd"): OpenFile[] {
	const named = (entry: string): string | undefined => {
		try {
			return readlinkSync(`${root}/${entry}`);
		} catch {
			// Closed in the meantime, like the folder's own descriptor.
			return undefined;
		}
	};
	let entries: string[];
	try {
		entries = readdirSync(root);
	} catch {
		return [];
	}
	return entries
		.flatMap((entry) => {
			const name = named(entry);
			return name !== undefined && fits(name) ? [{ fd: Number(entry), name }] : [];
		})
		.sort((a, b) => a.fd - b.fd);
}

/** What only a program's calls open; Node and its libraries may open anything else at any time. */
const ofPrograms = /iommufd|^\/dev\/(?:iommu|vfio)|vfio-device|^\/dmabuf:/;

/** Files that a call opened although it told nobody their numbers. */
export class StrayFiles {
	readonly #root: string | undefined;
	readonly #before: ReadonlySet<number>;

	/** From here on. @param root in tests another folder */
	constructor(root?: string) {
		this.#root = root;
		this.#before = new Set(this.#all().map(({ fd }) => fd));
	}

	/** Closes those that are open although all programs have ended. @returns their names */
	close(): string[] {
		const strays = this.#all().filter(({ fd }) => !this.#before.has(fd));
		for (const { fd } of strays) closeSync(fd);
		return strays.map(({ name }) => name);
	}

	#all(): OpenFile[] {
		return openFiles((name) => ofPrograms.test(name), this.#root);
	}
}
