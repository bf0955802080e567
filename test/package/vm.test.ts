/** scripts/vm: what it refuses before a machine is started. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../cli/cli.js";

const image = join(root, "package.json");
const vm = (words: readonly string[], script = "vm") =>
	spawnSync("/bin/bash", [join(root, "scripts", script), ...words], { encoding: "utf8", env: { PATH: "/usr/bin:/bin" } });

test.each([
	[["-t", "abc", image, "true"], '-t: "abc" is not a number of seconds'],
	[["-c", "0", image, "true"], '-c: "0" is not a number of CPUs'],
	[["-m", "lots", image, "true"], '-m: "lots" is not an amount of memory, such as 2G or 512M'],
	[["-x", image, "true"], "-x is not an option"],
	[["-t"], "-t needs a value"],
	[[image], "an image and a command are needed"],
	[["/nowhere", "true"], "/nowhere: no such file; IMAGE is a kernel's bzImage"],
	[["/usr", "true"], "/usr is a folder; IMAGE is a kernel's bzImage, for example /usr/arch/x86/boot/bzImage"],
])("%j: one line and the usage", (words, message) => {
	const { status, stdout, stderr } = vm(words);
	expect(stderr.split("\n")).toEqual([`error: ${message}`, expect.stringMatching(/^ {2}usage: scripts\/vm /), ""]);
	expect([status, stdout]).toEqual([2, ""]);
});

test("a comparison names the image that cannot be one", () => {
	expect(vm([image, "/usr", "run", "x"], "vm-compare")).toMatchObject({
		status: 2,
		stderr: expect.stringMatching(/^error: \/usr is a folder; /),
	});
	expect(vm([image, "/nowhere", "run", "x"], "vm-compare")).toMatchObject({
		status: 2,
		stderr: expect.stringMatching(/^error: \/nowhere: no such file\n/),
	});
});
