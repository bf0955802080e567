/** BTF: every kind, split files, comparisons, and files that are cut or bent. */
import { existsSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { elfSection, isElf } from "../../src/btf/elf.js";
import { Btf, BtfError, btfOf, checkSet, checkStruct, differenceText, setDifferences, structDifferences } from "../../src/btf/index.js";
import { KIND } from "../../src/btf/parse.js";
import {
	array,
	bit,
	bits,
	enumSet,
	inline,
	iommu_destroy,
	iommu_ioas_unmap,
	iommufd_option,
	struct,
	u8,
	u32,
	u64,
	union,
} from "../../structs/index.js";
import { BtfWriter, elf, iommufd } from "./writer.js";

describe("a file", () => {
	test("may have types of every kind", () => {
		const writer = new BtfWriter();
		const int = writer.int("int", 4);
		const list = writer.array(int, int, 3);
		writer.raw(KIND.fwd, 0, 0, []);
		const wrapped = [KIND.volatile, KIND.const, KIND.restrict, KIND.typedef, KIND.typeTag].reduce(
			(to, kind) => writer.refer(kind, kind === KIND.typedef ? "t" : "", to),
			list,
		);
		const proto = writer.raw(KIND.funcProto, 2, int, [0, int, 0, int]);
		writer.refer(KIND.func, "f", proto);
		const variable = writer.raw(KIND.var, 0, int, [1]);
		writer.raw(KIND.datasec, 1, 4, [variable, 0, 4]);
		writer.raw(KIND.float, 0, 8, []);
		writer.raw(KIND.declTag, 0, int, [0]);
		const wide = writer.enum64("wide", { HUGE: 1n << 40n });
		const last = writer.struct("last", 16, [
			["a", wrapped, 0],
			["p", writer.end.types + 1, 64],
		]);
		writer.pointer(last);
		const btf = new Btf(writer.bytes());
		expect(btf.count).toBe(writer.end.types);
		expect(btf.sizeOf(wrapped)).toBe(12);
		expect(btf.constants(btf.type(wide))).toEqual([{ name: "HUGE", value: 1n << 40n }]);
		expect(btf.members(btf.type(last))).toEqual([
			{ name: "a", type: wrapped, offset: 0, width: 0 },
			{ name: "p", type: last + 1, offset: 64, width: 0 },
		]);
		expect(btf.find("last")?.id).toBe(last);
		expect(btf.find("t")).toBeUndefined();
		expect(btf.find("wide")).toBeUndefined();
		expect(btf.find("wide", [KIND.enum64])?.id).toBe(wide);
	});

	test("of a module goes on from its base's types and strings", () => {
		const base = iommufd();
		const module = new BtfWriter(base.end);
		module.struct("iommu_ours", 4, [["id", 2, 0]]);
		const vmlinux = new Btf(base.bytes());
		const btf = new Btf(module.bytes(), vmlinux);
		expect(btf.count).toBe(vmlinux.count + 1);
		expect(structDifferences(btf, struct("iommu_ours", { id: u32 }, ""))).toEqual([]);
		expect(structDifferences(btf, iommu_destroy)).toEqual([]);
		// Without it, its names are not there.
		expect(() => new Btf(module.bytes())).toThrow(BtfError);
	});

	test("may be ELF, with a module's base in it", () => {
		const base = iommufd();
		const module = new BtfWriter(base.end);
		module.struct("iommu_ours", 4, [["id", 2, 0]]);
		const ours = struct("iommu_ours", { id: u32 }, "");
		const nothing = { read: () => undefined };
		const ko = elf({ ".text": Buffer.alloc(7), ".BTF": module.bytes(), ".BTF.base": base.bytes() });
		expect(isElf(ko)).toBe(true);
		expect(Buffer.from(elfSection(ko, ".text") ?? [])).toEqual(Buffer.alloc(7));
		expect(checkStruct([btfOf("x.ko", ko, undefined, nothing)], ours)).toEqual([]);
		const bare = elf({ ".BTF": module.bytes() });
		expect(checkStruct([btfOf("x.ko", bare, elf({ ".BTF": base.bytes() }), nothing)], ours)).toEqual([]);
		expect(checkStruct([btfOf("/sys/kernel/btf/iommufd", module.bytes(), undefined, { read: () => base.bytes() })], ours)).toEqual([]);
		expect(() => btfOf("x.ko", elf({}), undefined, nothing)).toThrow("no section .BTF");
	});

	test.each([
		["", "0 bytes are too few"],
		["7f".repeat(24), "not BTF"],
		[`eb9f${"00".repeat(22)}`, "big-endian"],
		[`9feb0100180000000000000018000000${"00".repeat(8)}`, "types lie outside"],
		[`9feb01001800000000000000000000000000000010${"00".repeat(3)}`, "strings lie outside"],
		[`9feb010018000000${"00".repeat(4)}0c000000${"0c000000"}01000000${"00000000000000ff00000000"}00`, "of kind 31"],
		[`9feb010018000000${"00".repeat(4)}0c000000${"0c000000"}01000000${"000000000000000100000000"}00`, "cut off"],
	])("%s is refused: %s", (hex, message) => {
		expect(() => new Btf(Buffer.from(hex, "hex"))).toThrow(message);
	});

	test("that is cut or bent is refused, or compared: it never hangs and throws nothing else", () => {
		const whole = iommufd().bytes();
		const look = (bytes: Uint8Array): void => {
			try {
				const btf = new Btf(bytes);
				structDifferences(btf, iommu_destroy);
				structDifferences(btf, iommu_ioas_unmap);
				setDifferences(btf, iommufd_option);
				for (let id = 0; id < Math.min(btf.count, 50); id++) {
					try {
						btf.sizeOf(id);
					} catch (error) {
						if (!(error instanceof BtfError)) throw error;
					}
				}
			} catch (error) {
				if (!(error instanceof BtfError)) throw error;
			}
		};
		for (let length = 0; length < whole.length; length++) look(whole.subarray(0, length));
		fc.assert(
			fc.property(fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 12 }), (changes) => {
				const bent = new Uint8Array(whole);
				for (const [at, byte] of changes) bent[at] = byte;
				look(bent);
			}),
			{ numRuns: 2000 },
		);
		const file = elf({ ".BTF": whole });
		fc.assert(
			fc.property(fc.nat(file.length), fc.array(fc.tuple(fc.nat(file.length - 1), fc.nat(255)), { maxLength: 6 }), (length, changes) => {
				const bent = Buffer.from(file.subarray(0, Math.max(64, length)));
				for (const [at, byte] of changes) if (at < bent.length) bent[at] = byte;
				try {
					if (isElf(bent)) elfSection(bent, ".BTF");
				} catch (error) {
					if (!(error instanceof BtfError)) throw error;
				}
			}),
			{ numRuns: 1000 },
		);
	});

	test("with types that refer to themselves is refused", () => {
		const writer = new BtfWriter();
		const loop = writer.refer(KIND.typedef, "loop", writer.end.types);
		const itself = writer.array(writer.end.types, 1, 2);
		const nested = writer.struct("iommu_destroy", 8, [["", writer.end.types, 0]]);
		const btf = new Btf(writer.bytes());
		expect(() => btf.resolved(loop)).toThrow("refers to itself");
		expect(() => btf.sizeOf(itself)).toThrow("holds itself");
		expect(() => btf.members(btf.type(nested))).not.toThrow();
		expect(() => structDifferences(btf, iommu_destroy)).toThrow("nested too deeply");
	});

	const running = "/sys/kernel/btf/vmlinux";
	test.runIf(existsSync(running))("of this machine's kernel is walked in 300 ms", () => {
		const bytes = readFileSync(running);
		new Btf(bytes);
		const start = performance.now();
		const { count } = new Btf(bytes);
		expect(performance.now() - start).toBeLessThan(300);
		expect(count).toBeGreaterThan(10_000);
	});
});

describe("a comparison", () => {
	const declared = struct(
		"iommu_all",
		{
			size: u32,
			$word: bits({ low: bit(3), high: bit(29) }),
			$either: union({ raw: u64, two: u32 }),
			named: union({ a: u32, b: u8 }),
			pair: inline({ x: u8, y: u8 }),
			list: array(u8, 4),
			rest: array(u8, 0),
		},
		"",
	);
	const write = (change: Partial<Record<"size" | "list" | "raw" | "width", number>> = {}, extra = false): Btf => {
		const writer = new BtfWriter();
		const [one, four, eight] = [writer.int("__u8", 1), writer.int("__u32", 4), writer.int("__u64", 8)];
		const either = writer.union("", 8, [
			["raw", eight, 0],
			["two", four, 0],
		]);
		const named = writer.union("", 4, [
			["a", four, 0],
			["b", one, 0],
		]);
		const pair = writer.struct("", 2, [
			["x", one, 0],
			["y", one, 8],
		]);
		const list = writer.array(one, four, change.list ?? 4);
		const rest = writer.array(one, four, 0);
		writer.struct("iommu_all", change.size ?? 32, [
			["size", four, 0, 0],
			["low", four, 32, change.width ?? 3],
			["high", four, 32 + (change.width ?? 3), 29],
			["", either, change.raw ?? 64, 0],
			["named", named, 128, 0],
			["pair", pair, 160, 0],
			["list", list, 176, 0],
			["rest", rest, 208, 0],
			...(extra ? ([["more", four, 224, 0]] as const) : []),
		]);
		return new Btf(writer.bytes());
	};
	const texts = (btf: Btf): string[] => (structDifferences(btf, declared) ?? []).map(differenceText);

	test("finds nothing where all is the same, through typedefs, unions and bit fields", () => {
		expect(texts(write())).toEqual([]);
		const btf = new Btf(iommufd().bytes());
		expect([iommu_destroy, iommu_ioas_unmap].map((type) => structDifferences(btf, type))).toEqual([[], []]);
		expect(setDifferences(btf, iommufd_option)).toEqual([]);
	});

	test("names what differs", () => {
		expect(texts(write({ size: 40 }))).toEqual(["size 32, in the kernel's 40"]);
		expect(texts(write({ list: 5 }))).toEqual(["list: size 4, in the kernel's 5"]);
		expect(texts(write({ raw: 96 }))).toEqual(["raw: offset 8, in the kernel's 12", "two: offset 8, in the kernel's 12"]);
		expect(texts(write({ width: 4 }))).toEqual(["low: width 3, in the kernel's 4", "high: bit 3, in the kernel's 4"]);
		expect(texts(write({}, true))).toEqual(["more: only in the kernel's"]);
		const longer = struct("iommu_destroy", { size: u32, id: u32, token: u64 }, "");
		const btf = new Btf(iommufd().bytes());
		expect((structDifferences(btf, longer) ?? []).map(differenceText)).toEqual([
			"size 16, in the kernel's 8",
			"token: not in the kernel's",
		]);
		const other = enumSet("iommufd_option", { IOMMU_OPTION_RLIMIT_MODE: 7, IOMMU_OPTION_OURS: 2 });
		expect((checkSet([{ path: "", btf }], other) ?? []).map(differenceText)).toEqual([
			"IOMMU_OPTION_RLIMIT_MODE: value 7, in the kernel's 0",
			"IOMMU_OPTION_OURS: not in the kernel's",
			"IOMMU_OPTION_HUGE_PAGES: only in the kernel's",
		]);
		expect(structDifferences(btf, struct("nobody", { a: u32 }, ""))).toBeUndefined();
	});
});
