/** Shell completion. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { answer } from "../../../src/cli/commands/tools/completion/answer.js";
import { execute } from "../../../src/cli/execute.js";
import { families } from "../../../src/cli/families.js";
import { Context } from "../../../src/cli/frame/context.js";
import { BufferSink, type Io } from "../../../src/cli/frame/io.js";
import { hwptPayloads, invalidatePayloads } from "../../../src/client/payloads.js";
import { iommuctl, root, temporaryFolder } from "../cli.js";

const folders = temporaryFolder();

const values = async (words: readonly string[], context = new Context("sim")): Promise<string[]> =>
	(await answer(families, words, context)).candidates.map(({ value }) => value);

describe("what may stand at the cursor", () => {
	test.each([
		[["io"], ["ioas"]],
		[
			["help", "hw"],
			["hwpt", "hw-queue"],
		],
		[
			["ioas", "ma"],
			["map", "map-file"],
		],
		[
			["--kernel", "sim", "ioas", "ma"],
			["map", "map-file"],
		],
		[["ioas", "map", "--fl"], ["--flags"]],
		[["call", "IOMMU_IOAS_U"], ["IOMMU_IOAS_UNMAP"]],
		[
			["call", "ioas_map"],
			["ioas_map", "ioas_map_file"],
		],
		[
			["call", "iommu_ioas_map"],
			["iommu_ioas_map", "iommu_ioas_map_file"],
		],
		[["call", "ioas_map", "--fl"], ["--flags"]],
		[["call", "IOMMU_IOAS_MAP", "--flags", "W"], ["WRITEABLE"]],
		[["ioas", "map", "--flags", "W"], ["WRITEABLE"]],
		[
			["ioas", "map", "--flags", "READABLE,"],
			["READABLE,FIXED_IOVA", "READABLE,WRITEABLE"],
		],
		[["ioas", "map", "--flags=R"], ["--flags=READABLE"]],
		[["ioas", "map", "--set", "user"], ["user_va="]],
		[["ioas", "map", "--set", "flags=F"], ["flags=FIXED_IOVA"]],
		[["hwpt", "alloc", "--selftest", "iot"], ["iotlb="]],
		[
			["struct", "show", "iommu_ioas_m"],
			["iommu_ioas_map", "iommu_ioas_map_file"],
		],
		[["struct", "encode", "iommu_ioas_map", "len"], ["length="]],
		[
			["ioas", "alloc", "--kernel", ""],
			["auto", "real", "sim"],
		],
		[["ioas", "alloc", "--machine", "sm"], ["smmuv3"]],
		[
			["ioas", "alloc", "--uapi", "6.1"],
			["6.10", "6.11", "6.12", "6.13", "6.14", "6.15", "6.16", "6.17", "6.18", "6.19"],
		],
		[["ioas", "alloc", "--expect", "EEX"], ["EEXIST"]],
		[
			["run", "x.iommu", "--format", ""],
			["ktap", "junit", "json", "kcidb"],
		],
		[["machine", "show", "v"], ["vtd"]],
		[["raw", "IOAS_M"], []],
		[["raw", "IOMMU_IOAS_MAP_"], ["IOMMU_IOAS_MAP_FILE"]],
		[["raw", "ioas_map", "len"], ["length="]],
		[["replay", "x.jsonl", "--inject", "IOMMU_IOAS_ALLOC"], ["IOMMU_IOAS_ALLOC:error="]],
		[["trace", "minimize", "x.jsonl", "--left", "r"], ["real"]],
		[
			["sim", "dma", "vfio3"],
			["vfio3", "vfio30", "vfio31", "vfio32", "vfio33", "vfio34", "vfio35"],
		],
		[["io", "ranges", "--js"], ["--json"]],
		[["hwpt", "alloc", "--smmuv3", "conf"], ["config="]],
		[
			["hwpt", "alloc", "--smmuv3", "v=1,config=S"],
			["v=1,config=S1", "v=1,config=S2"],
		],
		[
			["hwpt", "invalidate", "--smmuv3", "op=TLBI_NH_V"],
			["op=TLBI_NH_VA", "op=TLBI_NH_VAA"],
		],
		[["hwpt", "invalidate", "--smmuv3", "op=TLBI_NH_VA,as"], ["op=TLBI_NH_VA,asid="]],
		[["hwpt", "invalidate", "--smmuv3=op=ATC"], ["--smmuv3=op=ATC_INV"]],
		[["sim", "event", "vfio0", "F_TRANSLATION", "add"], ["address="]],
		[["sim", "event", "vfio0", "C_BAD_C"], ["C_BAD_CD"]],
		[["sim", "page-request", "vfio0", "--perm", "READ,P"], ["READ,PRIV"]],
		[["vsva", "forward", "--op", "PASID_I"], ["PASID_IOTLB"]],
		[
			["--kernel", ""],
			["auto", "real", "sim"],
		],
		[["--kernel", "sim", "--machine", "v"], ["vtd"]],
		[["--color=al"], ["--color=always"]],
		[["--ki"], []],
		[["--ke"], ["--kernel"]],
		[["trace", "minimize", "x", "--while", "d"], ["differs"]],
		[["run", "example:nest"], ["example:nested-translation"]],
		[["nonsense", ""], []],
		[["ioas", "alloc", "--nonsense="], []],
	])("%j", async (words, expected) => {
		expect(await values(words)).toEqual(expected);
	});

	test("every field that the entries and the data of hardware take", async () => {
		const groups = [
			["invalidate", invalidatePayloads],
			["alloc", hwptPayloads],
		] as const;
		for (const [action, payloads] of groups) {
			for (const { name, struct, bits } of payloads) {
				const offered = await values(["hwpt", action, `--${name}`, ""]);
				const fields = [...Object.keys(bits ?? {}), ...struct.leaves.map((leaf: { name: string }) => leaf.name)];
				expect(offered, name).toEqual(fields.map((field) => `${field}=`));
			}
		}
	});

	test("an option that was given is not offered again, unless it repeats", async () => {
		expect(await values(["ioas", "map", "--flags", "0", "--fl"])).toEqual([]);
		expect(await values(["ioas", "map", "--set", "flags=0", "--se"])).toEqual(["--set"]);
	});

	test("files where a file is wanted", async () => {
		for (const words of [
			["run", ""],
			["fail-nth", ""],
			["replay", "a", ""],
			["ioas", "alloc", "--machine", ""],
		]) {
			expect((await answer(families, words, new Context("sim"))).files).toBe(true);
		}
		expect((await answer(families, ["ioas", "map", ""], new Context("sim"))).files).toBeFalsy();
		// A file's number, which only its description calls a file.
		expect((await answer(families, ["file", "close", ""], new Context("sim"))).files).toBeFalsy();
	});

	test("what is called a file in the help is declared as one", async () => {
		for (const { load } of families) {
			for (const { name, args = [], options } of (await load()).commands) {
				for (const { flags, value } of options?.() ?? [])
					expect(/<(?:file|folder)>/.test(flags), `${name} ${flags}`).toBe(value === "file");
				for (const one of args.filter((arg) => arg.name === "FILE"))
					expect(one.value, name).toBe(/^the script/.test(one.doc) ? "script" : "file");
			}
		}
	});

	test("IDs of the objects that there are, by what the place is for; without an open kernel none is opened", async () => {
		const context = new Context("sim");
		expect(await values(["ioas", "map", ""], context)).toEqual([]);
		expect(context.live).toBeUndefined();
		const sink = new BufferSink();
		const io: Io = { stdout: sink, stderr: sink, stdin: { readAll: async () => new Uint8Array() }, cwd: "/", env: {} };
		for (const line of ["ioas alloc", "fault alloc", "selftest mock-domain 1"]) await execute(line.split(" "), { io, context });
		expect(await values(["ioas", "map", ""], context)).toEqual(["1"]);
		expect(await values(["hwpt", "alloc", ""], context)).toEqual(["4"]);
		expect(await values(["hwpt", "alloc", "--fault-id", ""], context)).toEqual(["2"]);
		expect(await values(["destroy", ""], context)).toEqual(["1", "2", "3", "4", "5"]);
		expect(await values(["fault", "read", ""], context)).toEqual(["2"]);
		context.dispose();
	});

	test("as the shells' scripts get it", () => {
		const { stdout, status } = iommuctl(["completion", "answer", "--", "ioas", "map", "--flags=R"]);
		expect(status).toBe(0);
		expect(stdout).toBe("--flags=READABLE\t0x4\n:2\n");
	});
});

describe("the scripts", () => {
	test("each shell gets one that asks for answers", () => {
		for (const shell of ["bash", "zsh", "fish"]) {
			const { stdout, status } = iommuctl(["completion", shell]);
			expect(status).toBe(0);
			expect(stdout).toContain("completion answer -- ");
		}
	});

	/** What bash would offer for a line, by the script itself. */
	const inBash = (line: string): string[] => {
		const folder = mkdtempSync(join(folders, "it-"));
		writeFileSync(join(folder, "my script.iommu"), "");
		const program = [
			'iommuctl() { "$NODE" "$BIN" "$@"; }',
			'eval "$(iommuctl completion bash)"; eval "$(iommuctl completion bash)"',
			`COMP_LINE="$LINE"; COMP_POINT=\${#COMP_LINE}`,
			"_iommuctl",
			`printf "%s\\n" "\${COMPREPLY[@]}"`,
		].join("\n");
		const env = { ...process.env, NODE: process.execPath, BIN: join(root, "bin/iommuctl.js"), LINE: line };
		const ran = spawnSync("bash", ["--norc", "-c", program], { cwd: folder, env, encoding: "utf8" });
		expect(ran.stderr).toBe("");
		return ran.stdout.split("\n").filter(Boolean);
	};

	test.skipIf(spawnSync("bash", ["--version"]).status !== 0)("bash's completes words, values behind = and files", () => {
		expect(inBash("iommuctl ioas ma")).toEqual(["map", "map-file"]);
		expect(inBash("iommuctl ioas map --flags=READABLE,W")).toEqual(["READABLE,WRITEABLE"]);
		expect(inBash("iommuctl run ")).toEqual(["my script.iommu"]);
		expect(inBash("iommuctl nonsense ")).toEqual([]);
	});
});
