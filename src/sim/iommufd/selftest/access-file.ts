/** The selftest's files for accesses. */
import type { Ret } from "../../../kernel/kernel.js";
import { SimFile } from "../../process/file.js";
import { Access, type Owner, type PinnedRange } from "../access.js";
import type { IommufdContext } from "../context.js";
import { accessIoasChecks } from "./checks.js";

const OWNER: Owner = { name: "its open file", release: ({ id }) => ({ verb: "close", what: `the file of access ${id}` }) };

/** The file that CREATE_ACCESS returns: the access, and its pinned ranges by number. */
export class AccessFile extends SimFile {
	readonly kind = "access";
	override readonly hasOffsets = false;
	readonly access: Access;
	readonly #pinned = new Map<number, PinnedRange>();
	#nextId = 0;

	constructor(context: IommufdContext, pins: boolean) {
		super();
		this.access = new Access(context, pins, OWNER, (iova, length) => this.#letGo(iova, length));
		this.access.users++;
		context.finalize(this.access);
	}

	/** Use another IOAS. */
	replaceIoas(id: number): Ret {
		const ioas = this.access.context.find(id, "ioas");
		if (ioas === undefined) return this.access.context.system.reasons.fail(accessIoasChecks.noIoas, id);
		return this.access.attach(ioas);
	}

	keep(range: PinnedRange): number {
		const id = this.#nextId++;
		this.#pinned.set(id, range);
		return id;
	}

	drop(id: number): boolean {
		const range = this.#pinned.get(id);
		if (range === undefined) return false;
		this.#pinned.delete(id);
		this.access.unpin(range);
		return true;
	}

	protected override release(): void {
		for (const id of [...this.#pinned.keys()]) this.drop(id);
		this.access.users--;
		this.access.context.remove(this.access);
	}

	#letGo(iova: bigint, length: bigint): void {
		const last = iova + length - 1n;
		for (const [id, range] of [...this.#pinned]) if (range.iova <= last && range.last >= iova) this.drop(id);
	}
}
