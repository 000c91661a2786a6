// Signs a browser in with a provider of another kind, page by page, and looks at what it is given:
// a session, a cookie that no script can read, and no token in any URL. Arguments: issuer, provider,
// who to be. Prints what it found as JSON.

const [issuer, provider, subject] = process.argv.slice(2);
const { origin } = new URL(issuer);

function expect(condition, what) {
  if (!condition) throw new Error(`not so: ${what}`);
}

const jar = new Map();
const seen = [];
const lines = [];

async function ask(url, options = {}) {
  const { host } = new URL(url);
  const cookie = [...(jar.get(host) ?? new Map())].map(([n, v]) => `${n}=${v}`).join("; ");
  const headers = cookie ? { ...options.headers, cookie } : (options.headers ?? {});
  seen.push(url);
  const answer = await fetch(url, { ...options, headers, redirect: "manual" });
  for (const line of answer.headers.getSetCookie()) {
    if (host === new URL(issuer).host) lines.push(line);
    const [name, ...value] = line.split(";")[0].split("=");
    jar.set(host, (jar.get(host) ?? new Map()).set(name, value.join("=")));
  }
  return answer;
}

/** The first form of a page, filled in. */
async function submit(page, url) {
  const action = /<form[^>]*action="([^"]*)"/i.exec(page)?.[1] ?? url;
  const form = new URLSearchParams();
  for (const [input] of page.matchAll(/<input[^>]*>/gi)) {
    const of = (name) => new RegExp(`${name}="([^"]*)"`, "i").exec(input)?.[1];
    const name = of("name");
    if (!name) continue;
    form.set(name, of("value") ?? (name === "password" ? "any" : subject));
  }
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const to = new URL(action.replaceAll("&amp;", "&"), url).href;
  return [to, await ask(to, { method: "POST", headers, body: form.toString() })];
}

let url = `${issuer}/auth/login?provider=${provider}&returnTo=/docs`;
let hops = 0;
for (; url !== `${origin}/docs`; hops += 1) {
  expect(hops < 20, `the redirects end: ${url}`);
  let answer = await ask(url);
  if (answer.status === 200) [url, answer] = await submit(await answer.text(), url);
  const location = answer.headers.get("location");
  expect(location, `${url} leads on: ${answer.status} ${(await answer.text()).slice(0, 500)}`);
  url = new URL(location, url).href;
  expect(!url.includes("error="), `nobody refuses: ${url}`);
}

const refresh = lines.find((line) => line.startsWith("mw_refresh="));
for (const attribute of ["HttpOnly", "SameSite=Strict", "Path=/"]) {
  expect(refresh.includes(attribute), `the cookie is ${attribute}`);
}
const login = lines.find((line) => line.startsWith("mw_login="));
expect(login.includes("HttpOnly") && login.includes("SameSite=Lax"), "so is the other");

const headers = { "content-type": "application/json", origin };
const refreshed = await ask(`${issuer}/auth/refresh`, { method: "POST", headers, body: "{}" });
expect(refreshed.status === 200, `it refreshes: ${refreshed.status}`);
const view = await refreshed.json();
const authorization = `Bearer ${view.accessToken}`;
const sessions = await ask(`${issuer}/auth/sessions`, { headers: { authorization } });
const { items } = await sessions.json();
expect(items.some((it) => it.id === view.session.id), "a session exists");
const identities = await ask(`${issuer}/auth/identities`, { headers: { authorization } });
const [identity] = (await identities.json()).items;
const held = [...jar.get(new URL(issuer).host).values()].filter((value) => value.length > 20);
for (const secret of [view.accessToken, ...held]) {
  expect(seen.every((it) => !it.includes(secret)), "no URL holds a token");
}
console.log(JSON.stringify({ userId: view.session.userId, email: identity.email, hops }));
