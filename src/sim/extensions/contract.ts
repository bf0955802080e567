/** The checks of the proposals, where the kernel asks them. */
import type { VendorChecks } from "../why/contract.js";
import { pasidChecks, siovChecks } from "./checks.js";

export const proposalChecks: VendorChecks = { vendor: "proposals", hooks: { mayBind: siovChecks, mayAttach: pasidChecks } };
