/** Makes calls while the garbage collector runs all the time (start with --expose-gc). */
// Memory that native code points to must stay in place and keep its contents. Prints the result as JSON.
import { openRealKernel } from "../../../../src/kernel/real/index.js";

const TIOCGWINSZ = 0x5413;
const TIOCSWINSZ = 0x5414;
const collect = globalThis.gc;
if (collect === undefined) throw new Error("start with --expose-gc");

let garbage: Uint8Array[] = [];
/** Allocates and drops memory of the sizes that the calls use, so that freed memory is soon reused. */
function litter(round: number): void {
	garbage = garbage.length > 400 ? [] : garbage;
	for (const size of [8, 32, 40, 64, 512, 4096]) garbage.push(new Uint8Array(size).fill(0xdd), Buffer.alloc(size, 0xdd));
	if (round % 3 === 0) collect?.();
}

const kernel = openRealKernel();
const wrong: string[] = [];
let calls = 0;
function check(what: string, good: boolean): void {
	calls++;
	if (!good && wrong.length < 10) wrong.push(`${what} in call ${calls}`);
}

const terminal = kernel.open("/dev/ptmx");
const file = kernel.memfd("collections", 1n << 20n);
const addr = kernel.mmap({ addr: 0n, length: 65536n, prot: 3 });
const kept = new Uint8Array(8);

for (let round = 0; round < 100; round++) {
	const value = (round * 7919) & 0xffff;
	const fresh = new Uint8Array(Uint16Array.of(value, 1, 2, 3).buffer);
	check("set", kernel.ioctl(terminal, TIOCSWINSZ, fresh) === 0);
	litter(round);
	check("get", kernel.ioctl(terminal, TIOCGWINSZ, kept) === 0 && kept[0] + 256 * kept[1] === value);
	check("a bad file", kernel.ioctl(-1, 0x3b81, new Uint8Array(12)) === -9);
	litter(round + 1);
	const data = new Uint8Array(1000 + round).fill(round);
	check("poke", kernel.poke(addr + BigInt(round), data) === 0);
	litter(round + 2);
	const seen = new Uint8Array(data.length);
	check("peek", kernel.peek(addr + BigInt(round), seen) === 0 && Buffer.compare(seen, data) === 0);
	check("pwrite", kernel.pwrite(file, data, BigInt(round)) === data.length);
	litter(round);
	check("pread", kernel.pread(file, seen.fill(0), BigInt(round)) === data.length && Buffer.compare(seen, data) === 0);
	const polled = [{ fd: file, events: 1, revents: 0 }];
	check("poll", kernel.poll(polled, 0) === 1 && polled[0].revents === 1);
	check("open", kernel.open(`/nowhere/${round}`) === -2);
}
kernel.exit();
process.stdout.write(JSON.stringify({ calls, wrong }));
