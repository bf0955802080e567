/** /proc/PID/status of a program whose memory is pinned: VmPin and VmLck have what the simulated kernel accounts. */
import { readFileSync } from "node:fs";
import { accountedPages, type Sim } from "../../sim/index.js";
import type { Native } from "../native.js";
import type { Overlay } from "./overlay.js";
import { textFile } from "./text-file.js";

const PATH = /^\/proc\/(self|thread-self|\d+)(?:\/task\/\d+)?\/status$/;
const KIB_PER_PAGE = 4;

export function statusOverlay(native: Native, sim: Sim): Overlay {
	return {
		concerns: (path) => path.endsWith("/status") && PATH.test(path),
		open(path, _flags, { process }) {
			const [, whose] = PATH.exec(path) ?? [];
			const image = (/^\d+$/.test(whose) ? process(Number(whose)) : process())?.knownImage;
			if (image === undefined) return undefined;
			const { pinned, locked } = accountedPages(sim, image);
			if (pinned === 0) return undefined;
			const text = readFileSync(`/proc/${image.bytes.pid}/status`, "latin1");
			const fd = textFile(native, added(added(text, "VmPin", pinned), "VmLck", locked));
			return fd < 0 ? fd : { fd };
		},
	};
}

function added(text: string, name: string, pages: number): string {
	return text.replace(new RegExp(`^(${name}:\\s*)(\\d+)( kB)$`, "m"), (_, before, kib: string, unit) => {
		const sum = String(Number(kib) + pages * KIB_PER_PAGE);
		return `${before.slice(0, before.length + kib.length - sum.length)}${sum}${unit}`;
	});
}
