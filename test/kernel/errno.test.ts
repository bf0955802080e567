/** Tests of the table of errnos. */
import { constants } from "node:os";
import { describe, expect, it } from "vitest";
import * as errno from "../../src/kernel/errno.js";

const { errnoName, errnoNumber, errnoText } = errno;

describe("errno", () => {
	it("knows every errno that Node knows, by the same number", () => {
		for (const [name, number] of Object.entries(constants.errno)) {
			expect([name, errnoNumber(name)]).toEqual([name, number]);
		}
	});

	it("names every exported constant, and finds it by that name", () => {
		for (const [name, number] of Object.entries(errno)) {
			if (typeof number !== "number" || name === "EDEADLOCK") continue;
			expect(errnoName(number)).toBe(name);
			expect(errnoNumber(name)).toBe(number);
		}
	});

	it("accepts second names for the same number", () => {
		expect(["ENOTSUP", "EOPNOTSUPP", "EDEADLOCK", "EDEADLK", "EWOULDBLOCK", "EAGAIN"].map(errnoNumber)).toEqual([95, 95, 35, 35, 11, 11]);
		expect([95, 35, 11].map(errnoName)).toEqual(["EOPNOTSUPP", "EDEADLK", "EAGAIN"]);
	});

	it("says what strerror says", () => {
		expect(errnoText(errno.ENOENT)).toBe("No such file or directory");
		expect(errnoText(errno.EMSGSIZE)).toBe("Message too long");
		expect(errnoText(errno.EADDRINUSE)).toBe("Address already in use");
		expect(errnoText(errno.EBADFD)).toBe("File descriptor in bad state");
	});

	it("has an answer for numbers that are not errnos", () => {
		expect(errnoName(524)).toBe("errno 524");
		expect(errnoText(524)).toBe("Unknown error 524");
		expect(errnoNumber("ENOPE")).toBeUndefined();
		expect(errnoNumber("constructor")).toBeUndefined();
	});

	it("lists the names", () => {
		const names = [...errno.errnoNames()];
		expect(names).toContain("ENOTSUP");
		expect(new Set(names).size).toBe(names.length);
	});
});
