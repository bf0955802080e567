#!/usr/bin/env node
// Bundles src/cli/main.ts into dist/main.cjs, in which a part that is imported on demand is also evaluated on demand.
// It is one CommonJS file, because opening files and loading ES modules take most of the start-up time; for the same
// reason V8's compiled code is stored next to it. FFI's packages are native and are copied next to the bundle: an
// installed iommuctl depends on no other package, and never runs their install scripts, which reject the prebuilt
// binaries that work and fail to compile others.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { deferredImports } from "./deferred-imports.mjs";

/** commander can start other programs; iommuctl never does, and Node's module for it is slow to load. */
const withoutChildProcess = {
	name: "without-child-process",
	setup(build) {
		build.onResolve({ filter: /^node:child_process$/ }, ({ path, importer }) =>
			/node_modules.commander/.test(importer) ? { path, namespace: "absent" } : undefined,
		);
		build.onLoad({ filter: /.*/, namespace: "absent" }, () => ({ contents: "module.exports = {};" }));
	},
};

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");
const native = ["ffi-napi", "ref-napi", "ref-struct-di"];
const nativeNeeds = ["node-gyp-build", "debug", "ms"];
// Built in another folder and moved into place, so that a failed or interrupted build leaves the old one.
const fresh = `${dist}.${process.pid}`;

/** One file of dist, made of one file of src and what it imports. */
const bundle = (name, source, more) =>
	build({
		absWorkingDir: root,
		entryPoints: [`src/${source}.ts`],
		outfile: join(fresh, `${name}.cjs`),
		bundle: true,
		format: "cjs",
		platform: "node",
		target: "node20",
		legalComments: "none",
		logLevel: "warning",
		...more,
	});
/** Of a file that calls FFI, or asks where it is. */
const whole = {
	external: native,
	define: { "import.meta.url": "$here.url" },
	banner: { js: 'const $here = { get url() { return require("node:url").pathToFileURL(__filename).href; } };' },
	minifySyntax: true,
	minifyWhitespace: true,
};
/** Short names load faster; with the map, stack traces name places in the sources (structs/stack.ts). */
const short = { minify: true, sourcemap: "external", sourcesContent: false };

try {
	mkdirSync(fresh, { recursive: true });
	const { metafile } = await bundle("main", "cli/main", {
		...whole,
		...short,
		plugins: [withoutChildProcess, deferredImports],
		metafile: true,
	});
	// Everything that a command loads in a session.
	await bundle("forwarder", "cli/forwarder", { minify: true });
	// The thread that starts a program for `exec`; the thread that traces one for `record`, and the process that becomes it.
	for (const [name, source] of [
		["launcher", "exec/launcher"],
		["recorder", "record/worker"],
		["recorded", "record/stub"],
	])
		await bundle(name, source, whole);
	wrapped(join(fresh, "main.cjs"));
	writeFileSync(join(fresh, "LICENSES.txt"), licences(Object.keys(metafile.inputs)));
	compiledCode(join(fresh, "main.cjs"), [
		["ioas", "alloc"],
		["hwpt", "alloc", "1", "1"],
		["destroy", "1"],
		["struct", "list"],
	]);
	compiledCode(join(fresh, "main.cjs"), [["run", "-q", "scripts/examples/nested-translation.iommu"]]);
	for (const name of [...native, ...nativeNeeds]) vendor(name, join(fresh, "node_modules", name));
	replace(fresh, dist);
} catch (error) {
	// esbuild has printed its own errors
	if (!Array.isArray(error?.errors)) console.error(error);
	process.exitCode = 1;
} finally {
	rmSync(fresh, { recursive: true, force: true });
}

/**
 * Makes the bundle a function, so that bin/compiled.js can run the file as it is: to wrap the text in a function at each
 * start would copy all of it. For who requires the file it remains a module.
 */
function wrapped(file) {
	const names = "exports, require, module, __filename, __dirname";
	// On the first line, which has the banner alone: the map goes by lines.
	const [before, after] = [`(this === globalThis ? (f) => f : (f) => f(${names}))(function (${names}) {`, "\n});\n"];
	writeFileSync(file, `${before}${readFileSync(file, "latin1")}${after}`, "latin1");
}

/**
 * Stores V8's code for what these command lines run; bin/iommuctl.js loads it under this exact release of Node, and other
 * releases compile as they go.
 */
function compiledCode(file, lines) {
	const code = `
		const { cacheFile, load } = require("./bin/compiled.js");
		const [file, lines] = ${JSON.stringify([file, lines])};
		const { script, exports: { command } } = load(file);
		const end = { write() {} };
		const io = { stdout: end, stderr: end, stdin: { readAll: async () => Buffer.alloc(0) }, cwd: process.cwd(), env: { IOMMUCTL_KERNEL: "sim" } };
		(async () => {
			for (const words of lines) await command(words, io);
			require("node:fs").writeFileSync(cacheFile(require("node:path").dirname(file), lines[0][0]), script.createCachedData());
		})();`;
	const { status, stderr } = spawnSync(process.execPath, ["-e", code], { cwd: root, encoding: "utf8" });
	// The build works without it, but starts more slowly.
	if (status !== 0) console.error(`no compiled code was kept: ${stderr}`);
}

/** The files of a package that are needed at run time, for Linux only. */
function vendor(name, to) {
	const from = join(root, "node_modules", name);
	const wanted = /^(?:|package\.json|licen[cs]e.*|[^/]+\.js|(?:lib|src|node_modules)(?:\/.*)?|prebuilds|prebuilds\/linux-[^/]*(?:\/.*)?)$/i;
	const unwanted = /\.(?:c|cc|h|map|d\.ts)$|^(?:test|bin|optional|build-test)\.js$/;
	cpSync(from, to, {
		recursive: true,
		filter: (path) => {
			const inside = relative(from, path);
			return wanted.test(inside) && !unwanted.test(inside);
		},
	});
}

/** If two builds end at the same moment, the later one wins. */
function replace(from, to) {
	const old = `${to}.old.${process.pid}`;
	for (let attempt = 0; ; attempt++) {
		try {
			if (existsSync(to)) renameSync(to, old);
			renameSync(from, to);
			break;
		} catch (error) {
			if (attempt === 5) throw error;
		} finally {
			rmSync(old, { recursive: true, force: true });
		}
	}
}

/** The licences of the bundled packages, which they require to be included. */
function licences(inputs) {
	const packages = new Set(inputs.map((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]).filter(Boolean));
	const texts = [...packages].sort().map((name) => {
		const folder = join(root, "node_modules", name);
		const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
		return `${name} ${version} (${license})\n\n${licenceText(folder)}`;
	});
	return texts.join(`\n${"-".repeat(80)}\n`);
}

function licenceText(folder) {
	for (const name of ["LICENSE", "LICENSE.md", "license", "LICENCE"]) {
		try {
			return readFileSync(join(folder, name), "utf8");
		} catch {}
	}
	return "";
}
