/** The faults that a RISC-V IOMMU raises, by the specification's process to translate an IOVA (2.3) and its rules for ATS (2.6). */
import { describe, expect, test } from "vitest";
import { EXEC, PRIV, READ, WRITE } from "../../../../src/sim/mmu/walk.js";
import { contextOf, END, type Guest, guest, PAGE, PD8, pte, READ_ONLY, SV39, SV48 } from "./guest.js";

const SINGLE = contextOf({ fsc_mode: SV39, fsc_ppn: 1n });
const DIRECTORY = contextOf({ pdtv: 1n, fsc_mode: PD8, fsc_ppn: 0x10n });

/** Process 5 in the directory at 0x10000: its `ta`, with the Sv39 table. */
function process(it: Guest, ta = 1n, fsc = (SV39 << 60n) | 1n): Guest {
	it.memory.write64(0x10050n, ta);
	it.memory.write64(0x10058n, fsc);
	return it;
}

describe("the first stage", () => {
	test("page faults by the access: instruction, read, write", () => {
		const { at } = guest(SINGLE);
		expect(at(0x1000n, READ)).toBe("ok");
		expect([READ, WRITE, READ | EXEC].map((access) => at(0x2000n, access))).toEqual(["13", "15", "12"]);
		expect(at(0x1000n, READ | EXEC)).toBe("12");
		expect(at(1n << 38n, READ)).toBe("13");
	});

	test("access faults where the host maps a table, but has no memory there", () => {
		const it = guest(SINGLE, 0x4000n);
		it.memory.write64(0x1008n, pte(0x6000n, 1n));
		expect([READ, WRITE, READ | EXEC].map((access) => it.at(1n << 30n, access))).toEqual(["5", "7", "1"]);
	});
});

describe("the second stage", () => {
	test("guest page faults of the data: iotval2 is the guest-physical address without its low bits", () => {
		const it = guest(SINGLE);
		it.memory.write64(0x3010n, pte(END, PAGE));
		expect([READ, WRITE, READ | EXEC].map((access) => it.at(0x2004n, access))).toEqual(["21 0x1000004", "23 0x1000004", "12"]);
		it.memory.write64(0x3018n, pte(READ_ONLY, PAGE));
		expect([READ, WRITE].map((access) => it.at(0x3000n, access))).toEqual(["ok", "23 0x800000"]);
	});

	test("of an entry of the guest's tables: bit 0; of setting A or D there: bit 1 as well; the access decides the cause", () => {
		const it = guest(SINGLE);
		it.memory.write64(0x1008n, pte(END, 1n));
		expect(it.at(1n << 30n, WRITE)).toBe("23 0x1000001");
		const sets = guest(contextOf({ fsc_mode: SV39, fsc_ppn: 1n, sade: 1n }));
		sets.memory.write64(0x2000n, pte(READ_ONLY, 1n));
		sets.memory.write64(READ_ONLY + 8n, pte(0x5000n, 0x17n));
		expect(sets.at(0x1000n, READ)).toBe("21 0x80000b");
	});

	test("is all that a Bare first stage leaves", () => {
		const { at } = guest(contextOf({}));
		expect(at(0x5000n, WRITE)).toBe("ok");
		expect(at(END + 4n, READ)).toBe("21 0x1000004");
	});
});

describe("device and process contexts", () => {
	test("a device context that is not valid or misconfigured: every access", () => {
		expect(guest(contextOf({ v: 0n })).at(0x1000n, READ)).toBe("258");
		expect(guest(contextOf({ sxl: 1n })).at(0x1000n, READ, 5)).toBe("259");
	});

	test("transactions that are disallowed: a process ID without a directory, or wider than it", () => {
		expect(guest(SINGLE).at(0x1000n, READ, 5)).toBe("260");
		expect(process(guest(DIRECTORY)).at(0x1000n, READ, 0x105)).toBe("260");
	});

	test("privileged requests need ENS, and SUM for users' pages; without process ID nothing is privileged", () => {
		expect(process(guest(DIRECTORY)).at(0x1000n, READ | PRIV, 5)).toBe("260");
		expect(process(guest(DIRECTORY), 3n).at(0x1000n, READ | PRIV, 5)).toBe("13");
		expect(process(guest(DIRECTORY), 7n).at(0x1000n, READ | PRIV, 5)).toBe("ok");
		expect(guest(SINGLE).at(0x1000n, READ | PRIV)).toBe("ok");
	});

	test("the directory: not valid, misconfigured, or where the host has no memory", () => {
		expect(guest(DIRECTORY).at(0x1000n, READ, 5)).toBe("266");
		expect(process(guest(DIRECTORY), 9n).at(0x1000n, READ, 5)).toBe("267");
		const away = guest(contextOf({ pdtv: 1n, fsc_mode: PD8, fsc_ppn: END >> 12n }));
		expect(away.at(0x1000n, WRITE, 5)).toBe("23 0x1000051");
	});

	test("without process ID: process 0 with DPE, else no first stage", () => {
		expect(guest(DIRECTORY).at(0x1000n, READ)).toBe("ok");
		const dpe = guest(contextOf({ pdtv: 1n, dpe: 1n, fsc_mode: PD8, fsc_ppn: 0x10n }));
		expect(dpe.at(0x1000n, READ)).toBe("266");
		dpe.memory.write64(0x10000n, 1n);
		dpe.memory.write64(0x10008n, (SV48 << 60n) | 1n);
		expect(dpe.at(0x1000n, READ)).toBe("13");
	});

	test("a process context stays cached, whatever becomes of the directory", () => {
		const it = process(guest(DIRECTORY));
		expect(it.at(0x1000n, READ, 5)).toBe("ok");
		it.memory.write64(0x10050n, 0n);
		expect(it.at(0x1000n, READ, 5)).toBe("ok");
		it.caches.invalidate({ type: "", cache: "pasid", device: 0x90, context: 5 });
		expect(it.at(0x1000n, READ, 5)).toBe("266");
	});

	test("one PSCID is one address space of the guest", () => {
		const it = process(guest(DIRECTORY), 1n | (9n << 12n));
		it.memory.write64(0x10060n, 1n | (9n << 12n));
		it.memory.write64(0x10068n, (SV39 << 60n) | 0x40n);
		expect(it.at(0x1000n, READ, 5)).toBe("ok");
		// process 6 has another table, but says that it is the same space
		expect(it.at(0x1000n, READ, 6)).toBe("ok");
		expect(it.at(0x2000n, READ, 6)).toBe("13");
	});
});

describe("ATS", () => {
	const ats = { en_ats: 1n, en_pri: 1n };

	test("page faults and missing processes are answered without access, and not recorded: the device may ask for the page", () => {
		const it = guest(contextOf({ pdtv: 1n, fsc_mode: PD8, fsc_ppn: 0x10n, ...ats }));
		expect(it.ask(0x1000n, READ, 5)).toEqual({ cause: 266, ats: true, quiet: true });
		process(it);
		expect(it.ask(0x2000n, WRITE, 5)).toEqual({ cause: 15, ats: true, quiet: true });
		expect(it.ask(0x1000n, READ, 5)).toBe("ok");
	});

	test("all else is aborted and recorded", () => {
		const it = process(guest(contextOf({ pdtv: 1n, fsc_mode: PD8, fsc_ppn: 0x10n, ...ats })), 9n);
		expect(it.ask(0x1000n, READ, 5)).toEqual({ cause: 267, ats: false, quiet: false });
		expect(it.ask(0x1000n, READ, 0x105)).toEqual({ cause: 260, ats: false, quiet: false });
	});

	test("without EN_PRI the device may not ask for pages; without EN_ATS it asks for no translations", () => {
		expect(guest(contextOf({ fsc_mode: SV39, fsc_ppn: 1n, en_ats: 1n })).ask(0x2000n, READ)).toEqual({
			cause: 13,
			ats: false,
			quiet: true,
		});
		expect(guest(SINGLE).ask(0x2000n, READ)).toEqual({ cause: 13, ats: false, quiet: false });
	});
});

test("DTF: faults of translations are not recorded, those of the device context are", () => {
	const quiet = guest(contextOf({ dtf: 1n, fsc_mode: SV39, fsc_ppn: 1n }));
	expect(quiet.ask(0x2000n, READ)).toEqual({ cause: 13, ats: false, quiet: true });
	expect(guest(contextOf({ dtf: 1n, sxl: 1n })).ask(0x2000n, READ)).toEqual({ cause: 259, ats: false, quiet: false });
});
