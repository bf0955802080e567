/** sorted-btree's class: the package is CommonJS, so it is one level down. */
import sortedBtree from "sorted-btree";

export const BTree = sortedBtree.default;
