// Signs in with openid-client, without a special setting but that loopback speaks HTTP; jose verifies
// the access token. Arguments: issuer, client id, subject at the local identity provider.

import { createRemoteJWKSet, jwtVerify } from "jose";
import * as client from "openid-client";

const [issuer, clientId, subject] = process.argv.slice(2);
const redirect = "http://127.0.0.1:48000/callback";

function expect(condition, what) {
  if (!condition) throw new Error(`not so: ${what}`);
}

/** The first URL that begins with `until`: follows redirects, keeps cookies, picks the person. */
async function follow(start, until) {
  const jar = new Map();
  let url = start;
  for (let hop = 0; hop < 12; hop += 1) {
    if (url.startsWith(until)) return url;
    const { host } = new URL(url);
    const ask = async (options) => {
      const cookie = [...(jar.get(host) ?? new Map())].map(([n, v]) => `${n}=${v}`).join("; ");
      const headers = cookie ? { ...options.headers, cookie } : options.headers;
      const answer = await fetch(url, { ...options, headers, redirect: "manual" });
      for (const line of answer.headers.getSetCookie()) {
        const [name, value] = line.split(";")[0].split("=");
        jar.set(host, (jar.get(host) ?? new Map()).set(name, value));
      }
      return answer;
    };
    let answer = await ask({});
    if (answer.status === 200) {
      const form = { "content-type": "application/x-www-form-urlencoded" };
      answer = await ask({ method: "POST", headers: form, body: `sub=${subject}` });
    }
    const location = answer.headers.get("location");
    expect(location, `${url} leads on: ${answer.status} ${await answer.text()}`);
    url = new URL(location, url).href;
  }
  throw new Error("the redirects do not end");
}

const config = await client.discovery(new URL(issuer), clientId, undefined, client.None(), {
  execute: [client.allowInsecureRequests],
});
const verifier = client.randomPKCECodeVerifier();
const [state, nonce] = [client.randomState(), client.randomNonce()];
const url = client.buildAuthorizationUrl(config, {
  redirect_uri: redirect,
  scope: "openid email",
  code_challenge: await client.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
  state,
  nonce,
});
const back = await follow(url.href, redirect);
const tokens = await client.authorizationCodeGrant(config, new URL(back), {
  pkceCodeVerifier: verifier,
  expectedState: state,
  expectedNonce: nonce,
  idTokenExpected: true,
});
const fresh = await client.refreshTokenGrant(config, tokens.refresh_token);
expect(fresh.refresh_token !== tokens.refresh_token, "a refresh token is used once");
const keys = createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri));
const options = { issuer, audience: "millwright", typ: "at+jwt", algorithms: ["RS256"] };
const { payload } = await jwtVerify(fresh.access_token, keys, options);
expect(payload.sub === (await jwtVerify(tokens.access_token, keys, options)).payload.sub, "one user");
console.log(JSON.stringify({ userId: payload.sub, email: tokens.claims().email }));
