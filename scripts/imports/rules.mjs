// Who may import whom in src and structs: the floors, the rings of the simulated kernel, and its door.

/** Every floor and what it may import besides itself. A folder of src that is not listed may neither import nor be imported. */
const FLOORS = {
	structs: [],
	"src/formats": ["structs"],
	"src/headers": ["structs"],
	"src/btf": ["structs"],
	"src/script": ["structs"],
	"src/kernel": ["structs"],
	"src/kernel/real": ["structs", "src/kernel"],
	"src/sim": ["structs", "src/formats", "src/kernel"],
	"src/client": ["structs", "src/formats", "src/kernel"],
	"src/exec": ["structs", "src/kernel", "src/kernel/real", "src/sim"],
	// The caller of these two decides which kernel they drive.
	"src/session": ["structs", "src/kernel", "src/client", "src/trace"],
	"src/trace": ["structs", "src/kernel", "src/client", "src/session"],
	// It draws programs on a simulated kernel; its callers pass the kernels in that are compared.
	"src/fuzz": ["structs", "src/kernel", "src/sim", "src/trace"],
	// Its callers pass the kernels in.
	"src/litmus": ["structs", "src/kernel", "src/trace"],
	"src/record": ["structs", "src/kernel", "src/exec", "src/trace"],
	"src/cli": [
		"structs",
		"src/formats",
		"src/headers",
		"src/btf",
		"src/script",
		"src/kernel",
		"src/kernel/real",
		"src/sim",
		"src/exec",
		"src/client",
		"src/session",
		"src/trace",
		"src/litmus",
		"src/fuzz",
		"src/record",
	],
};

/** The folders of src/sim, bottom first. What lies in src/sim itself is above all of them. */
const RINGS = [
	"why",
	"uapi",
	"memory",
	"process",
	"iova",
	"contract",
	"board",
	"mmu",
	"vendors",
	"iommufd",
	"vfio",
	"system",
	"extensions",
	"control",
];
const DOOR = "src/sim/index.ts";
/** A part of it by itself, for who only wants a kernel, and fast. */
const SIDE_DOOR = "src/sim/create.ts";
const TOP = "the door";

/** Why `file` may not import `target`, or undefined where it may. Both are paths from the root, with "/". */
export function refusal(file, target) {
	const from = floorOf(file);
	const to = floorOf(target);
	for (const [path, floor] of [
		[file, from],
		[target, to],
	])
		if (floor === undefined) return `${path} is on no floor; scripts/imports/rules.mjs names them`;
	if (from !== to && !FLOORS[from].includes(to)) return `${from} may import only ${["itself", ...FLOORS[from]].join(", ")}`;
	if (to !== "src/sim") return undefined;
	if (from !== to) return [DOOR, SIDE_DOOR].includes(target) ? undefined : `from outside, only ${DOOR} and ${SIDE_DOOR} may be imported`;
	const lower = ringOf(file);
	const upper = ringOf(target);
	for (const ring of [lower, upper])
		if (ring !== TOP && !RINGS.includes(ring)) return `src/sim/${ring} is not a ring; scripts/imports/rules.mjs names them`;
	if (height(upper) > height(lower)) return `${lower} is below ${upper}, and an import may only point down`;
	return undefined;
}

function floorOf(path) {
	const on = Object.keys(FLOORS).filter((floor) => path.startsWith(`${floor}/`));
	return on.sort((a, b) => b.length - a.length)[0];
}

const ringOf = (path) => /^src\/sim\/([^/]+)\//.exec(path)?.[1] ?? TOP;
const height = (ring) => (ring === TOP ? RINGS.length : RINGS.indexOf(ring));
