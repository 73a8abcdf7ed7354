// Builds the page of each library with Vite, draws it in Debian's Chromium and prints a table:
//   npm install && npm run measure
import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { chromium } from 'playwright-core';
import { build, preview } from 'vite';

const NAMES = ['none', 'react', 'visx', 'recharts', 'echarts', 'plot', 'uplot'];
const ROUNDS = 5;
const UPDATES = 100;
const PER_SECOND = 20;
// What the service sends with its page.
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'";
const root = fileURLToPath(new URL('.', import.meta.url));
const axe = await readFile(new URL('node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

const size = async (directory) => {
  const files = await readdir(`${directory}/assets`);
  const sizes = await Promise.all(
    files.map(async (file) => gzipSync(await readFile(`${directory}/assets/${file}`)).length),
  );
  return sizes.reduce((sum, bytes) => sum + bytes, 0) / 1000;
};

const bundle = async (name) => {
  const page = `${root}${name}.html`;
  const outDir = `${root}dist/${name}`;
  await writeFile(page, `<!doctype html><html lang="en"><title>${name}</title><main><h1>${name}</h1></main>
    <script type="module" src="/pages/${name}.js"></script></html>`);
  await build({ root, logLevel: 'error', build: { outDir, rolldownOptions: { input: page } } });
  await rm(page);
  return outDir;
};

const measure = async (browser, name, outDir) => {
  const server = await preview({
    root,
    logLevel: 'error',
    build: { outDir },
    preview: { host: '127.0.0.1', port: 4790, headers: { 'content-security-policy': POLICY } },
  });
  const rounds = [];
  let result;
  for (let round = 0; round < ROUNDS; round += 1) {
    const page = await browser.newPage();
    const refused = [];
    page.on('console', (message) => message.type() === 'error' && refused.push(message.text()));
    await page.goto(`${server.resolvedUrls.local[0]}${name}.html`);
    const first = await page.evaluate(() => window.first());
    const devtools = await page.context().newCDPSession(page);
    await devtools.send('Performance.enable');
    const busy = async () =>
      (await devtools.send('Performance.getMetrics')).metrics.find((m) => m.name === 'TaskDuration').value;
    const before = await busy();
    const { scripts, frames } = await page.evaluate(([n, rate]) => window.updates(n, rate), [UPDATES, PER_SECOND]);
    const spent = (1000 * ((await busy()) - before)) / UPDATES;
    const late = frames.filter((ms) => ms > 25).length / frames.length;
    rounds.push({ shown: first.shown, update: median(scripts), spent, late });
    result = { refused: refused.filter((text) => text.includes('Content Security Policy')).length };
    await page.close();
    // axe-core is injected, which the policy forbids: a context of its own goes without it.
    const free = await browser.newContext({ bypassCSP: true });
    const looked = await free.newPage();
    await looked.goto(`${server.resolvedUrls.local[0]}${name}.html`);
    await looked.evaluate(() => window.first());
    await looked.evaluate(axe);
    result.texts = await looked.evaluate(() => document.querySelectorAll('main ~ section text').length);
    result.violations = (await looked.evaluate(() => window.axe.run())).violations.map((v) => v.id);
    await free.close();
  }
  await server.close();
  const over = (key) => median(rounds.map((round) => round[key]));
  return { ...result, shown: over('shown'), update: over('update'), spent: over('spent'), late: over('late') };
};

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium' });
console.log(`Chromium ${browser.version()}, Node.js ${process.version}`);
console.log('library    kB gzipped   first drawn ms   update script ms   update all ms   frames late   refused by CSP');
for (const name of NAMES) {
  const outDir = await bundle(name);
  const kilobytes = await size(outDir);
  const m = await measure(browser, name, outDir);
  console.log(
    [
      name.padEnd(10),
      kilobytes.toFixed(1).padStart(10),
      m.shown.toFixed(1).padStart(16),
      m.update.toFixed(2).padStart(18),
      m.spent.toFixed(2).padStart(15),
      `${(100 * m.late).toFixed(1)} %`.padStart(13),
      String(m.refused).padStart(16),
      `  ${m.texts} texts; axe: ${m.violations.join(', ') || 'nothing'}`,
    ].join(' '),
  );
}
await browser.close();
