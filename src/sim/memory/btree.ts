/** Re-exports sorted-btree's class: the package is CommonJS, so the class is one level down. */
import sortedBtree from "sorted-btree";

export const BTree = sortedBtree.default;
