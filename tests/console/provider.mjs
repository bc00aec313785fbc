// A provider of identities for the tests (oidc-provider): prints its issuer and serves until its input ends.
// usage: provider.mjs REDIRECT_URL SECRET. Who signs in as NAME is of the group NAME ends with: "sam.soc" of "soc".
import { createServer } from "node:http";
import Provider from "oidc-provider";

const [redirect, secret] = process.argv.slice(2);
const server = createServer();
server.listen(0, "127.0.0.1", () => {
  // By another name than picket's address, so that browsers take it for another site.
  const issuer = `http://localhost:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{ client_id: "picket", client_secret: secret, redirect_uris: [redirect], grant_types: ["authorization_code"], response_types: ["code"] }],
    claims: { openid: ["sub"], profile: ["preferred_username"], groups: ["groups"] },
    scopes: ["openid", "profile", "groups"],
    conformIdTokenClaims: false,
    pkce: { required: () => true, methods: ["S256"] },
    cookies: { keys: ["of the tests"] },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: `subject-${id}`, preferred_username: id, groups: ["everybody", id.split(".").at(-1)] }),
    }),
  });
  server.on("request", provider.callback());
  console.log(issuer);
});
process.stdin.on("end", () => process.exit(0)).resume();
