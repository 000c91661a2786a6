// UUIDv7 and TypeIDs.

import { randomFillSync } from "node:crypto";

const BASE32 = "0123456789abcdefghjkmnpqrstvwxyz";

// Random bytes come in pages: a call for each id would cost more than the id.
const pool = Buffer.alloc(4096);
let used = pool.length;

function bytes(milliseconds, bits) {
  const id = Buffer.allocUnsafe(16);
  id.writeUIntBE(milliseconds, 0, 6);
  if (bits === undefined) {
    if (used + 10 > pool.length) {
      randomFillSync(pool);
      used = 0;
    }
    pool.copy(id, 6, used, used + 10);
    used += 10;
  } else {
    bits.copy(id, 6);
  }
  id[6] = (id[6] & 0x0f) | 0x70;
  id[8] = (id[8] & 0x3f) | 0x80;
  return id;
}

function dashed(id) {
  const hex = id.toString("hex");
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join("-");
}

/** 128 bits in 26 characters, two zero bits in front. */
function base32(id) {
  let text = "";
  let buffer = 0;
  let bits = 2;
  for (const byte of id) {
    buffer = (buffer << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += BASE32[(buffer >>> bits) & 31];
    }
    buffer &= (1 << bits) - 1;
  }
  return text;
}

export const uuid = (milliseconds) => dashed(bytes(milliseconds));

/** The last byte of a UUID. */
export const lastByte = (text) => Number.parseInt(text.slice(-2), 16);

/** A fresh TypeID, with its bytes. */
export function typeId(prefix, milliseconds) {
  const id = bytes(milliseconds);
  return { text: `${prefix}_${base32(id)}`, bytes: id };
}

/** The id of a history entry: time, version, and the end of the subject's id. */
export function historyId(milliseconds, version, subject) {
  const bits = Buffer.alloc(10);
  bits.writeUInt32BE(version, 2);
  subject.copy(bits, 6, 12, 16);
  return `hist_${base32(bytes(milliseconds, bits))}`;
}
