/** Tests of the frames that go over a session's socket. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { frame, frameReader, longestFrame } from "../../src/session/frames.js";

const frames = fc.array(fc.tuple(fc.constantFrom("O", "2", "D", "C"), fc.uint8Array({ maxLength: 300 })), { maxLength: 20 });

describe("frames", () => {
	it("come out as they went in, however the bytes are cut", () => {
		fc.assert(
			fc.property(frames, fc.array(fc.integer({ min: 1, max: 97 }), { minLength: 1 }), (sent, cuts) => {
				const bytes = Buffer.concat(sent.map(([kind, payload]) => frame(kind, payload)));
				const got: [string, number[]][] = [];
				const read = frameReader((kind, payload) => got.push([kind, [...payload]]));
				for (let at = 0, turn = 0; at < bytes.length; turn++) {
					const length = cuts[turn % cuts.length];
					expect(read(bytes.subarray(at, at + length))).toBe(true);
					at += length;
				}
				expect(got).toEqual(sent.map(([kind, payload]) => [kind, [...payload]]));
			}),
		);
	});

	it("longer than the maximum are refused before they are collected", () => {
		const head = Buffer.alloc(5, "X");
		head.writeUInt32LE(longestFrame + 1, 1);
		expect(frameReader(() => {})(head)).toBe(false);
		head.writeUInt32LE(longestFrame, 1);
		expect(frameReader(() => {})(head)).toBe(true);
	});
});
