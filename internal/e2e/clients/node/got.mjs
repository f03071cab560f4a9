// Makes one request with got; fails unless it is answered with success in the
// end. Usage: got.mjs version | URL
import { readFileSync } from 'node:fs';
import got from 'got';

if (process.argv[2] === 'version') {
  console.log(JSON.parse(readFileSync(new URL('node_modules/got/package.json', import.meta.url))).version);
} else {
  await got(process.argv[2]);
}
