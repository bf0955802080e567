/** What a test requires of the kernel that is to run it. */
import type { Block } from "../../../../script/index.js";
import type { Invocation } from "../../../frame/command.js";
import { missing } from "../script/require.js";
import { expand } from "../script/variables.js";

/** The first requirement that is not met, in words. @throws UsageError */
export async function lacking({ context }: Invocation, needs: Block): Promise<string | undefined> {
	for (const node of needs) {
		if (node.kind !== "command") continue;
		const lacks = await missing(expand(node.words, context.variables, node.places).slice(1), context);
		if (lacks !== undefined) return lacks;
	}
	return undefined;
}
