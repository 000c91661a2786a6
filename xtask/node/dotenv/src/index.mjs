// Reads an export as npm's dotenv does, and compares it with what was put in.

import { readFileSync } from "node:fs";
import { parse } from "dotenv";

const [exported, expected] = process.argv.slice(2);
const read = parse(readFileSync(exported));
const values = JSON.parse(readFileSync(expected, "utf8"));
const different = Object.keys(values).filter((name) => read[name] !== values[name]);
if (different.length > 0 || Object.keys(read).length !== Object.keys(values).length) {
  console.error(`dotenv reads otherwise: ${JSON.stringify(different.slice(0, 5))}`);
  process.exit(1);
}
console.log(JSON.stringify({ read: Object.keys(values).length }));
