/** Registers of the RISC-V IOMMU (RISC-V IOMMU Architecture Specification 1.0, chapter 5). */
import { at } from "../words.js";

/** What it can do (5.3). */
export const RISCV_CAPABILITIES = {
	version: at(0, 7, 0),
	sv32: at(0, 8, 8),
	sv39: at(0, 9, 9),
	sv48: at(0, 10, 10),
	sv57: at(0, 11, 11),
	svrsw60t59b: at(0, 14, 14),
	svpbmt: at(0, 15, 15),
	sv32x4: at(0, 16, 16),
	sv39x4: at(0, 17, 17),
	sv48x4: at(0, 18, 18),
	sv57x4: at(0, 19, 19),
	amo_mrif: at(0, 21, 21),
	msi_flat: at(0, 22, 22),
	msi_mrif: at(0, 23, 23),
	amo_hwad: at(0, 24, 24),
	ats: at(0, 25, 25),
	t2gpa: at(0, 26, 26),
	end: at(0, 27, 27),
	igs: at(0, 29, 28),
	hpm: at(0, 30, 30),
	dbg: at(0, 31, 31),
	pas: at(0, 37, 32),
	pd8: at(0, 38, 38),
	pd17: at(0, 39, 39),
	pd20: at(0, 40, 40),
	qosid: at(0, 41, 41),
	nl: at(0, 42, 42),
	s: at(0, 43, 43),
};

/** Control and status of the fault queue (`fqcsr`) and of the page request queue (`pqcsr`), which are alike. */
export const RISCV_QUEUE_CSR = {
	enable: at(0, 0, 0),
	interrupt_enable: at(0, 1, 1),
	memory_fault: at(0, 8, 8),
	overflow: at(0, 9, 9),
	on: at(0, 16, 16),
	busy: at(0, 17, 17),
};

/** Head or tail of a queue, counted in records. */
export const RISCV_QUEUE_INDEX = { index: at(0, 31, 0) };

/** Pending interrupts (`ipsr`): of the command queue, fault queue, performance monitor, page request queue. */
export const RISCV_IPSR = { cip: at(0, 0, 0), fip: at(0, 1, 1), pmip: at(0, 2, 2), pip: at(0, 3, 3) };
