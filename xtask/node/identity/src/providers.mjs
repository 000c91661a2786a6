// Two identity providers that know nothing of Millwright, until they are ended: oauth2-mock-server,
// whose id token says the e-mail, and oidc-provider, which tells it by userinfo alone. Arguments: the
// port of each, and where they send people back to.

import { OAuth2Server } from "oauth2-mock-server";
import { Provider } from "oidc-provider";

const [mockPort, oidcPort, callback] = process.argv.slice(2);

const mock = new OAuth2Server();
await mock.issuer.keys.generate("RS256");
await mock.start(Number(mockPort), "127.0.0.1");
mock.issuer.url = `http://127.0.0.1:${mockPort}`;
mock.service.on("beforeTokenSigning", (token) => {
  Object.assign(token.payload, { sub: "mock", email: "mock@example.org", email_verified: true });
});

const oidc = new Provider(`http://127.0.0.1:${oidcPort}`, {
  clients: [
    {
      client_id: "millwright",
      client_secret: "local",
      redirect_uris: [callback],
      response_types: ["code"],
      grant_types: ["authorization_code"],
    },
  ],
  cookies: { keys: ["only of this test"] },
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
  pkce: { required: () => true },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@example.org`, email_verified: true, name: id }),
  }),
});
await new Promise((resolve) => oidc.listen(Number(oidcPort), "127.0.0.1", resolve));

console.log("ready");
