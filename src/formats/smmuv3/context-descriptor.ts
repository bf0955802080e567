/** SMMUv3's context descriptors of 64 bytes (IHI0070, 5.4), and the entries of a first-level table of them. */
import { at } from "../words.js";

/** An entry of the first of two levels (L1CD). */
export const L1CD = { v: at(0, 0, 0), l2ptr: at(0, 55, 12, 12) };

/** A context descriptor: the four of its eight words that are in use. */
export const CD = {
	t0sz: at(0, 5, 0),
	tg0: at(0, 7, 6),
	ir0: at(0, 9, 8),
	or0: at(0, 11, 10),
	sh0: at(0, 13, 12),
	epd0: at(0, 14, 14),
	endi: at(0, 15, 15),
	t1sz: at(0, 21, 16),
	tg1: at(0, 23, 22),
	ir1: at(0, 25, 24),
	or1: at(0, 27, 26),
	sh1: at(0, 29, 28),
	epd1: at(0, 30, 30),
	v: at(0, 31, 31),
	ips: at(0, 34, 32),
	affd: at(0, 35, 35),
	wxn: at(0, 36, 36),
	uwxn: at(0, 37, 37),
	tbi0: at(0, 38, 38),
	tbi1: at(0, 39, 39),
	pan: at(0, 40, 40),
	aa64: at(0, 41, 41),
	hd: at(0, 42, 42),
	ha: at(0, 43, 43),
	s: at(0, 44, 44),
	r: at(0, 45, 45),
	a: at(0, 46, 46),
	aset: at(0, 47, 47),
	asid: at(0, 63, 48),
	had0: at(1, 1, 1),
	ttb0: at(1, 51, 4, 4),
	had1: at(2, 1, 1),
	ttb1: at(2, 51, 4, 4),
	mair: at(3, 63, 0),
};
