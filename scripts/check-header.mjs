#!/usr/bin/env node
// Compares what iommuctl reads from Linux's own headers with the facts of a compiled kernel: node scripts/check-header.mjs HEADER...
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { withBundle } from "./bundle-dev.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const files = process.argv.slice(2);
if (files.length === 0) {
	console.error("usage: node scripts/check-header.mjs /usr/include/linux/iommufd.h /usr/include/linux/vfio.h");
	process.exit(2);
}
const facts = JSON.parse(readFileSync(`${root}test/fixtures/iommufd-7.3.json`, "utf8"));
const entry = {
	stdin: {
		contents: 'export { readHeader } from "./src/headers/index.js"; export { registerUapi} from "./structs/index.js";',
		resolveDir: root,
		loader: "ts",
	},
};

/** Members of anonymous structs and unions belong to what holds them, as in C. */
const flat = (fields) =>
	fields.flatMap((field) => {
		if (field.name === null) return flat(field.members ?? []);
		const type = (field.type ?? field.kind)?.replace(/\[1\]$/, (length) => (field.size === 0 ? "[]" : length));
		return [{ name: field.name, type, offset: field.offset, size: field.size }];
	});
const shown = (fields) => fields.map(({ name, offset, size, type }) => `${type} ${name} @${offset}+${size}`).join("\n");

await withBundle(entry, ({ readHeader, registerUapi }) => {
	const structs = new Map();
	const constants = new Map();
	const calls = new Map();
	const wrong = [];
	for (const file of files) {
		const read = readHeader(readFileSync(file, "utf8"), basename(file));
		for (const { line, message } of read.problems) wrong.push(`${file}:${line}: ${message}`);
		for (const type of read.declared.structs) structs.set(type.name, type);
		for (const [name, value] of read.declared.constants) constants.set(name, Number(value));
		for (const call of read.declared.calls) calls.set(call.name, call);
		const { structs: changed, calls: rows, sets } = read.addition;
		console.log(
			`${file}: ${read.declared.structs.length} structs (${changed.length} new), ${read.declared.calls.length} calls (${rows.length} new), ${sets.length} new sets`,
		);
		registerUapi(read.addition);
	}
	let compared = 0;
	const missing = [];
	for (const [name, fact] of Object.entries(facts.structs)) {
		const type = structs.get(name);
		if (!type) missing.push(`struct ${name}`);
		else {
			compared++;
			const [own, theirs] = [shown(type.fields), shown(flat(fact.fields))];
			if (type.size !== fact.size || own !== theirs)
				wrong.push(`struct ${name}: ${type.size} bytes, not ${fact.size}\n${own}\n--\n${theirs}`);
		}
	}
	for (const [name, fact] of Object.entries(facts.ioctls)) {
		const call = calls.get(name);
		if (!call) missing.push(name);
		else {
			compared++;
			if (call.request !== fact.request) wrong.push(`${name}: 0x${call.request.toString(16)}, not 0x${fact.request.toString(16)}`);
			if (fact.struct !== null && call.struct?.name !== fact.struct) wrong.push(`${name}: struct ${call.struct?.name}, not ${fact.struct}`);
		}
	}
	for (const { values } of Object.values(facts.enums)) {
		for (const [name, value] of Object.entries(values)) {
			if (!constants.has(name)) missing.push(name);
			else {
				compared++;
				if (constants.get(name) !== value) wrong.push(`${name}: ${constants.get(name)}, not ${value}`);
			}
		}
	}
	console.log(`${compared} facts compared; not in these headers: ${missing.join(", ") || "none"}`);
	for (const line of wrong) console.log(`wrong: ${line}`);
	process.exitCode = wrong.length === 0 ? 0 : 1;
});
