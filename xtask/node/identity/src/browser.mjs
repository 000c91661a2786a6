// Signs in with a real browser, Chromium, through the page of the local identity provider, and looks
// at what a page can see of it: nothing of the refresh token. Arguments: issuer, the browser's
// program, who to be, a folder for pictures. Prints what it found as JSON.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import puppeteer from "puppeteer-core";

const [issuer, executablePath, subject, folder] = process.argv.slice(2);
const { origin, hostname } = new URL(issuer);

function expect(condition, what) {
  if (!condition) throw new Error(`not so: ${what}`);
}

await mkdir(folder, { recursive: true });
const browser = await puppeteer.launch({
  executablePath,
  headless: true,
  // Everything is on loopback, and test machines are often containers.
  args: ["--no-sandbox", "--disable-gpu", "--no-proxy-server", "--disable-dev-shm-usage"],
});
try {
  const page = await browser.newPage();
  // The reference page stands for an app: what it allows itself to fetch is nothing.
  await page.setBypassCSP(true);
  const seen = [];
  page.on("request", (request) => seen.push(request.url()));
  page.on("framenavigated", (frame) => seen.push(frame.url()));
  const cookies = async () => {
    const all = await browser.cookies();
    return new Map(all.filter((it) => it.domain === hostname).map((it) => [it.name, it]));
  };

  await page.goto(`${issuer}/auth/login?provider=local&returnTo=/docs&remember=true`);
  expect(!page.url().startsWith(origin), "the provider asks who one is");
  await page.screenshot({ path: join(folder, "provider.png") });
  const login = (await cookies()).get("mw_login");
  expect(login?.httpOnly && login.sameSite === "Lax" && !login.secure, "the attempt is bound");
  expect(!(await cookies()).has("mw_refresh"), "nobody is signed in yet");
  await page.type("input[name=sub]", subject);
  await Promise.all([page.waitForNavigation(), page.click("form button[type=submit]")]);
  expect(page.url() === `${origin}/docs`, `the way ends where it was to: ${page.url()}`);

  const held = (await cookies()).get("mw_refresh");
  expect(held?.httpOnly && held.sameSite === "Strict" && held.path === "/", "the cookie's attributes");
  // Without TLS on loopback it cannot be Secure, and so has no __Host- in its name.
  expect(!held.secure && held.expires > Date.now() / 1_000 + 29 * 24 * 3_600, "it lives 30 days");
  const visible = await page.evaluate(() => [document.cookie, JSON.stringify({ ...localStorage })]);
  expect(visible[0] === "" && visible[1] === "{}", `a script sees nothing: ${visible}`);

  const call = (path, body, token) =>
    page.evaluate(
      async (url, body, token) => {
        const headers = { "content-type": "application/json" };
        if (token) headers.authorization = `Bearer ${token}`;
        const options = body ? { method: "POST", headers, body } : { headers };
        const answer = await fetch(url, options);
        return { status: answer.status, body: await answer.text() };
      },
      `${issuer}/${path}`,
      body,
      token,
    );
  const refreshed = await call("auth/refresh", "{}");
  expect(refreshed.status === 200, `the page gets a token: ${refreshed.status} ${refreshed.body}`);
  const view = JSON.parse(refreshed.body);
  expect(!refreshed.body.includes(held.value), "and never the refresh token");
  const next = (await cookies()).get("mw_refresh");
  expect(next.value !== held.value, "the cookie changes with every use");
  const me = JSON.parse((await call("auth/me", null, view.accessToken)).body);
  expect(me.kind === "user" && me.userId === view.session.userId, "the token says who it is");
  const sessions = JSON.parse((await call("auth/sessions", null, view.accessToken)).body);
  expect(sessions.items[0].current && sessions.items[0].clientKind === "browser", "the session");
  await page.screenshot({ path: join(folder, "signed-in.png") });

  // Another site: the cookie stays at home, and the page may not even ask.
  const other = await browser.newPage();
  await other.setBypassCSP(true);
  await other.goto(`http://localhost:${new URL(issuer).port}/docs`);
  const foreign = await other.evaluate(async (url) => {
    const headers = { "content-type": "application/json" };
    const options = { method: "POST", headers, body: "{}", credentials: "include" };
    return fetch(url, options).then((answer) => answer.status, (error) => String(error));
  }, `${issuer}/auth/refresh`);
  expect(foreign !== 200, `another site gets nothing: ${foreign}`);
  expect((await cookies()).get("mw_refresh").value === next.value, "and uses nothing up");

  const ended = await call("auth/logout", "{}");
  expect(ended.status === 204, `signed out: ${ended.status}`);
  expect(!(await cookies()).has("mw_refresh"), "the cookie is gone");
  expect((await call("auth/refresh", "{}")).status === 401, "and the session with it");
  for (const secret of [view.accessToken, held.value, next.value, login.value]) {
    expect(seen.every((url) => !url.includes(secret)), "no token in any URL");
  }
  console.log(JSON.stringify({ userId: me.userId, version: await browser.version() }));
} finally {
  await browser.close();
}
