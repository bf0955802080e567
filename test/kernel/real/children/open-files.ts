/** Opens a path (first argument) as the user of the second, again and again until that fails or 100 are open. */
import { openRealKernel } from "../../../../src/kernel/real/index.js";

const [path, user] = process.argv.slice(2);
const kernel = openRealKernel();
if (user !== undefined) {
	process.setgroups?.([]);
	process.setgid?.(Number(user));
	process.setuid?.(Number(user));
}
let opened = 0;
let answer = 0;
while (opened < 100 && answer >= 0) {
	answer = kernel.open(path);
	if (answer >= 0) opened++;
}
kernel.exit();
process.stdout.write(JSON.stringify({ opened, answer }));
