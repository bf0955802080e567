/** Notes of DMA that did not arrive. */
import { check, checks } from "../why/check.js";
import type { IommuDevice } from "./device.js";
import type { DmaOutcome } from "./driver.js";

/** How an access of a device can end other than in memory. */
export const dmaChecks = checks("observed on Linux 7.3.4", {
	translationRefused: check(
		0,
		"the translation of iova {iova} that {device} asked for{pasid} was refused: {why}",
		"the page table must map the address for the access; a device with ATS may ask for the page",
	),
	dmaWaits: check(
		0,
		"the access of {device} to iova {iova}{pasid} waits for the answer to page request group {group}: {why}",
		"the page table must map the address for the access, or the handler of its page requests must answer",
	),
	dmaAborted: check(
		0,
		"the access of {device} to iova {iova}{pasid} was aborted: {why}",
		"the device must be attached to a page table that maps the address for the access",
	),
});

/** Notes why an access did not arrive. `pasid`: what it carries. Returns the outcome. */
export function noteDma(device: IommuDevice, iova: bigint, pasid: number | undefined, outcome: DmaOutcome): DmaOutcome {
	if (outcome.ok) return outcome;
	const { reasons } = device.iommu.driver;
	const { name } = device;
	const where = () => (pasid === undefined ? "" : ` with PASID ${pasid}`);
	const why = outcome.why ?? "the IOMMU does not say why";
	if (outcome.ats) reasons.note(dmaChecks.translationRefused, iova, name, where, why);
	else if (outcome.waits !== undefined) reasons.note(dmaChecks.dmaWaits, name, iova, where, outcome.waits, why);
	else reasons.note(dmaChecks.dmaAborted, name, iova, where, why);
	return outcome;
}
