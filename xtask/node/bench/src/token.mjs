// Access tokens, verified at every request: RS256 by node:crypto, then the claims.

import { createPublicKey, verify as verifySignature } from "node:crypto";

const ISSUER = `${process.env.MILLWRIGHT_PUBLIC_URL}/api/v1`;
const AUDIENCE = "millwright";
const LEEWAY = 30;

// Parsed once: what a JWK set from Secrets Manager would be after the first request.
const KEYS = new Map(
  JSON.parse(process.env.MILLWRIGHT_BENCH_JWKS).keys.map((key) => [
    key.kid,
    createPublicKey({ key, format: "jwk" }),
  ]),
);

const decoded = (part) => JSON.parse(Buffer.from(part, "base64url").toString());

/** Who calls; undefined if the token is not accepted. */
export function verify(authorization) {
  const [scheme, token] = (authorization ?? "").split(" ");
  const parts = token?.split(".") ?? [];
  if (scheme.toLowerCase() !== "bearer" || parts.length !== 3) return undefined;
  const header = decoded(parts[0]);
  const key = KEYS.get(header.kid);
  if (header.alg !== "RS256" || header.typ?.toLowerCase() !== "at+jwt" || !key) return undefined;
  const signed = Buffer.from(`${parts[0]}.${parts[1]}`);
  if (!verifySignature("sha256", signed, key, Buffer.from(parts[2], "base64url"))) return undefined;
  const claims = decoded(parts[1]);
  const now = Math.floor(Date.now() / 1000);
  const isCurrent =
    claims.iss === ISSUER &&
    claims.aud === AUDIENCE &&
    claims.iat <= now + LEEWAY &&
    claims.exp > claims.iat &&
    claims.exp > now - LEEWAY;
  if (!isCurrent || claims.org === undefined) return undefined;
  return { subject: claims.sub, organization: claims.org, role: claims.role };
}
