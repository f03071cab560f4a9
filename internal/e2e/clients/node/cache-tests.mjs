// Runs the public test-suite of HTTP caches against a proxy, and prints what came
// of each test, as a line of JSON. Usage: cache-tests.mjs URL [TEST…]
//
// With a port in place of the URL, it is the origin that the suite needs, on
// 127.0.0.1; 0 is any port, which it prints.
import { Server } from 'node:net';
import http from 'node:http';

const suite = 'http-cache-tests';
const target = process.argv[2];

if (/^\d+$/.test(target)) {
  http.Server.prototype.listen = function (port) { // it would listen on every address
    return Server.prototype.listen.call(this, { port: Number(port), host: '127.0.0.1' });
  };
  Object.assign(process.env, { npm_config_protocol: 'http', npm_config_port: target, npm_config_pidfile: '/dev/null' });
  await import(`${suite}/server/server.mjs`);
} else {
  const { default: fetch } = await import('node-fetch');
  const { default: all } = await import(`${suite}/tests/index.mjs`);
  const wanted = process.argv.slice(3);
  const groups = all.map((group) => ({ ...group, tests: group.tests.filter((test) => wanted.length === 0 || wanted.includes(test.id)) }));
  const { runTests, getResults } = await import(`${suite}/client/runner.mjs`);
  await runTests(groups, fetch, false, target, 40);
  const results = getResults();
  for (const group of groups) {
    for (const test of group.tests) {
      if (!test.browser_only) {
        const result = results[test.id];
        console.log(JSON.stringify({ id: test.id, kind: test.kind ?? 'required', passed: result === true, said: result === true ? '' : String(result) }));
      }
    }
  }
}
