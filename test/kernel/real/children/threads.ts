/** Each thread has an errno and an arena of its own: two make calls at once and compare what they get. */

import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { openRealKernel } from "../../../../src/kernel/real/index.js";

function run(request: number, path: string, wanted: number): number {
	const kernel = openRealKernel();
	const fd = path === "" ? -1 : kernel.open(path);
	let wrong = 0;
	for (let i = 0; i < 20_000; i++) if (kernel.ioctl(fd, request, new Uint8Array(40)) !== wanted) wrong++;
	kernel.exit();
	return wrong;
}

if (isMainThread) {
	const worker = new Worker(fileURLToPath(import.meta.url));
	const other = new Promise((resolve) => worker.once("message", resolve));
	const mine = run(0x3b81, "", -9);
	process.stdout.write(JSON.stringify({ mine, other: await other, after: run(0x3b81, "", -9) }));
} else {
	parentPort?.postMessage(run(0x3b81, "/dev/null", -25));
}
