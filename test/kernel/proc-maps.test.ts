/** /proc/PID/maps, and devices' numbers as stat(2) has them. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { deviceNumber, parseMaps } from "../../src/kernel/proc-maps.js";

test("a mapping of a file, and one of anonymous memory", () => {
	const text = [
		"7f10a0000000-7f10a0021000 rw-s 00003000 103:2a5 131075                   /a file (deleted)",
		"55d0c0000000-55d0c0001000 r-xp 00000000 00:00 0 ",
		"not a line",
		"",
	].join("\n");
	expect(parseMaps(text)).toEqual([
		{
			start: 0x7f10a0000000n,
			end: 0x7f10a0021000n,
			readable: true,
			writable: true,
			shared: true,
			offset: 0x3000n,
			dev: deviceNumber(0x103, 0x2a5),
			ino: 131075n,
		},
		{
			start: 0x55d0c0000000n,
			end: 0x55d0c0001000n,
			readable: true,
			writable: false,
			shared: false,
			offset: 0n,
			dev: 0n,
			ino: 0n,
		},
	]);
});

test("this process's own: in order, each with an end behind its beginning", () => {
	const maps = parseMaps(readFileSync("/proc/self/maps", "latin1"));
	expect(maps.length).toBeGreaterThan(10);
	for (const [at, { start, end }] of maps.entries()) {
		expect(end).toBeGreaterThan(start);
		if (at > 0) expect(start).toBeGreaterThanOrEqual(maps[at - 1].end);
	}
});

test("a device's number: the low 8 bits of the minor number, 12 of the major one, and the rest of both above", () => {
	expect(deviceNumber(8, 1)).toBe(0x801n);
	expect(deviceNumber(0, 0x12345)).toBe(0x12300045n);
	const major = fc.integer({ min: 0, max: 0xffffffff });
	fc.assert(
		fc.property(major, major, (high, low) => {
			const dev = deviceNumber(high, low);
			expect(((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n)).toBe(BigInt(high));
			expect((dev & 0xffn) | ((dev >> 12n) & 0xffffff00n)).toBe(BigInt(low));
		}),
	);
});
