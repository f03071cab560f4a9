// Makes one request with axios and axios-retry; fails unless it is answered
// with success in the end. Usage: axios-retry.mjs version | URL
import { readFileSync } from 'node:fs';
import axios from 'axios';
import axiosRetry from 'axios-retry';

const version = (name) =>
  JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url))).version;

if (process.argv[2] === 'version') {
  console.log(`${version('axios-retry')} (axios ${version('axios')})`);
} else {
  axiosRetry(axios);
  await axios.get(process.argv[2]);
}
