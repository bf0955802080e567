/** What is mapped in another process, as /proc/PID/maps tells. */
import { closeSync, openSync, readFileSync } from "node:fs";
import { deviceNumber, parseMaps } from "../../kernel/proc-maps.js";
import { AT, type Native } from "../native.js";

/** PROCMAP_QUERY, since Linux 6.11 */
const QUERY = 0xc0686611;
const QUERY_SIZE = 104;
const READABLE = 1;
const WRITABLE = 2;
const SHARED = 8;
const COVERING_OR_NEXT = 16;

/** A mapping; addresses and offsets are in pages, `end` is exclusive. */
export interface Mapping {
	readonly start: number;
	readonly end: number;
	readonly readable: boolean;
	readonly writable: boolean;
	readonly shared: boolean;
	/** bytes of one of its pages: more than 4096 for hugetlb */
	readonly pageSize: number;
	/** of the file: its page at `start`, and which file it is; undefined: anonymous memory */
	readonly file?: { readonly page: number; readonly key: string };
}

/** The mappings of one process. */
export class Maps {
	readonly #native: Native;
	readonly #path: string;
	#fd: number | undefined;
	#queries = true;

	constructor(native: Native, pid: number) {
		this.#native = native;
		this.#path = `/proc/${pid}/maps`;
	}

	/** The mapping that covers a page, or the next one above it. */
	find(page: number): Mapping | undefined {
		if (this.#queries) {
			const answer = this.#query(page);
			if (answer !== "unknown") return answer;
			this.#queries = false;
		}
		return this.all().find(({ end }) => end > page);
	}

	/** All of them, in order. */
	all(): Mapping[] {
		let text: string;
		try {
			text = readFileSync(this.#path, "latin1");
		} catch {
			return [];
		}
		return parseMaps(text).map(({ start, end, readable, writable, shared, offset, dev, ino }) => ({
			start: page(start),
			end: page(end),
			readable,
			writable,
			shared,
			pageSize: 4096,
			...(ino !== 0n && { file: { page: page(offset), key: keyOfStat({ dev, ino }) } }),
		}));
	}

	close(): void {
		if (this.#fd !== undefined) closeSync(this.#fd);
		this.#fd = undefined;
	}

	#query(at: number): Mapping | undefined | "unknown" {
		try {
			this.#fd ??= openSync(this.#path, "r");
		} catch {
			return undefined;
		}
		const { bytes, view } = this.#native;
		bytes.fill(0, AT.query, AT.query + QUERY_SIZE);
		view.setBigUint64(AT.query, BigInt(QUERY_SIZE), true);
		view.setBigUint64(AT.query + 8, BigInt(COVERING_OR_NEXT), true);
		view.setBigUint64(AT.query + 16, BigInt(at) << 12n, true);
		const rc = this.#native.call("ioctl", this.#fd, QUERY, this.#native.at(AT.query));
		// ENOTTY: an older kernel
		if (rc === -25) return "unknown";
		if (rc < 0) return undefined;
		const word = (index: number): bigint => view.getBigUint64(AT.query + 8 * index, true);
		const flags = Number(word(5));
		const ino = word(8);
		const dev = deviceNumber(view.getUint32(AT.query + 72, true), view.getUint32(AT.query + 76, true));
		return {
			start: page(word(3)),
			end: page(word(4)),
			readable: (flags & READABLE) !== 0,
			writable: (flags & WRITABLE) !== 0,
			shared: (flags & SHARED) !== 0,
			pageSize: Number(word(6)),
			...(ino !== 0n && { file: { page: page(word(7)), key: keyOfStat({ dev, ino }) } }),
		};
	}
}

/** A file's key in `Mapping`, by its device and its inode as stat(2) has them. */
export const keyOfStat = ({ dev, ino }: { readonly dev: bigint; readonly ino: bigint }): string => `${dev}:${ino}`;

const page = (addr: bigint): number => Number(addr >> 12n);
