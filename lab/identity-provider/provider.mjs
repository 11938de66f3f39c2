// A provider of identities for tests: `node provider.mjs PEOPLE.json CLIENT SECRET REDIRECT-URI`, on a free port of
// loopback. PEOPLE.json maps what a person types as their login to their claims; it is read again for each sign-in, so
// that a test can move somebody from one group to another. Any password will do.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const [people, client, secret, redirect] = process.argv.slice(2);
const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{ client_id: client, client_secret: secret, redirect_uris: [redirect] }],
    claims: { openid: ['sub'], profile: ['preferred_username', 'name'], email: ['email'], groups: ['groups'] },
    features: { devInteractions: { enabled: true } },
    pkce: { required: () => true },
    cookies: { keys: ['a test and nothing else'] },
    findAccount: (_, id) => {
      const claims = JSON.parse(readFileSync(people, 'utf8'))[id];
      return claims && { accountId: id, claims: () => ({ sub: id, ...claims }) };
    },
  });
  server.on('request', provider.callback());
  console.log(`ready ${issuer}`);
});
// Whoever started it holds the other end: when they are gone, so is this.
process.stdin.on('end', () => process.exit(0)).resume();
