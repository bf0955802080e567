/** Tests of calls that are read straight from lines: none is taken for what the JSON reader would not make of it. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkStep } from "../../src/trace/check.js";
import type { Step } from "../../src/trace/format.js";
import { PlainLines } from "../../src/trace/plain-lines.js";
import { type PreparedCall, prepared } from "../../src/trace/prepared.js";

const lines = new PlainLines();

/** The call of a line, which stands between others. */
function plain(line: string): PreparedCall | undefined {
	const bytes = Buffer.from(`"}\n${line}\n{"`);
	return lines.call(bytes, 3, bytes.length - 3);
}

function read(line: string): PreparedCall | undefined {
	const step = JSON.parse(line) as Record<string, unknown>;
	checkStep(step);
	return prepared(step as Step);
}

/** A call with its bytes, wherever they are kept. */
function shown(call: PreparedCall | undefined): object | undefined {
	if (call === undefined) return undefined;
	const bytes = (at: number) => Buffer.from(call.kept.buffer, call.kept.byteOffset + at, call.length).toString("hex");
	if (call.kind !== "ioctl") return { kind: call.kind, addr: call.addr, data: bytes(call.at) };
	const { kind, fd, request, ret } = call;
	return { kind, fd, request, ret, arg: bytes(call.arg), out: bytes(call.out) };
}

const hex = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString("hex"));
const name = fc.oneof(fc.constantFrom("iommu1", "a"), fc.string({ minLength: 1, maxLength: 4 }));
const answer = fc.oneof(
	fc.constantFrom<object>({ ret: 0 }, { ret: 12 }, { ret: 2 ** 53 - 1 }, { ret: -1, errno: "ENOTSUP" }, { ret: -1, errno: "500" }),
	name.map((errno) => ({ ret: -1, errno })),
);
const addr = fc
	.oneof(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), fc.bigInt({ min: 0n, max: 1n << 48n }))
	.map((at) => `0x${at.toString(16)}`);
const request = fc.oneof(fc.constantFrom("IOMMU_IOAS_MAP", "VFIO_DEVICE_RESET", "0x3b99", "15216"), name);
const ioctl = fc
	.record({ fd: name, request, arg: hex, answer, out: hex, same: fc.boolean(), without: fc.boolean() })
	.map(({ fd, request, arg, answer, out, same, without }) => ({
		op: "ioctl",
		fd,
		request,
		arg,
		...answer,
		...(without ? {} : { out: same ? arg : out.padEnd(arg.length, "0").slice(0, arg.length) }),
	}));
const step = fc.oneof<fc.Arbitrary<object>[]>(
	ioctl,
	fc.record({ op: fc.constant("poke"), addr, data: hex }, { noNullPrototype: true }),
	fc.tuple(addr, hex).map(([addr, data]) => ({ op: "peek", addr, length: data.length / 2, data })),
);

/** What `make` returns; undefined if it throws. */
function attempt<T>(make: () => T): T | undefined {
	try {
		return make();
	} catch {
		return undefined;
	}
}

describe("a line as iommuctl writes it", () => {
	test.each([
		'{"op":"ioctl","fd":"iommu1","request":"IOMMU_DESTROY","arg":"0800000002000000","ret":0}',
		'{"op":"ioctl","fd":"iommu1","request":"IOMMU_DESTROY","arg":"0800000002000000","ret":-1,"errno":"EBUSY"}',
		'{"op":"ioctl","fd":"a","request":"0x3b81","arg":"0c0000000000000000000000","ret":0,"out":"0c0000000000000001000000"}',
		'{"op":"ioctl","fd":"a","request":"0x3b81","arg":"","ret":-1,"errno":"EFAULT","out":""}',
		'{"op":"poke","addr":"0x300000000","data":"efbead0b"}',
		'{"op":"peek","addr":"0x7ffffffff000","length":2,"data":"00ff"}',
	])("is taken: %s", (line) => {
		expect(shown(plain(line))).toBeDefined();
		expect(shown(plain(line))).toEqual(shown(read(line)));
	});

	test("is taken as the JSON reader takes it, or left to it", () => {
		fc.assert(
			fc.property(step, (step) => {
				const line = JSON.stringify(step);
				const call = plain(line);
				if (call !== undefined) expect(shown(call)).toEqual(shown(attempt(() => read(line))));
			}),
			{ numRuns: 500 },
		);
	});

	test("is left to it with a mistake or anything else in it", () => {
		const byte = fc.oneof(fc.constantFrom(...'"\\{}:,-01fF e\u00e9'), fc.string({ maxLength: 2 }));
		fc.assert(
			fc.property(step, fc.nat(), fc.nat(3), byte, (step, where, length, put) => {
				const line = JSON.stringify(step);
				const at = where % (line.length + 1);
				const bent = line.slice(0, at) + put + line.slice(at + length);
				const call = plain(bent);
				if (call !== undefined) expect(shown(call)).toEqual(shown(attempt(() => read(bent))));
			}),
			{ numRuns: 2000 },
		);
	});
});
