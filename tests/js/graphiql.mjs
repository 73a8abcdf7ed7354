// Opens GraphiQL at argv[3] in the Chromium at argv[2], runs the query in argv[4] and the
// subscription in argv[5], and prints {query, subscription, requests, complaints}. A screenshot of
// the subscription's answer goes to argv[6].
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import WebSocket from 'ws';

const [, , chromium, url, query, subscription, picture] = process.argv;
const profile = await mkdtemp(join(tmpdir(), 'graphiql-'));
const browser = spawn(chromium, [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--no-first-run',
  '--window-size=1280,800',
  '--remote-debugging-port=0',
  `--user-data-dir=${profile}`,
  'about:blank',
]);
const left = new Promise((resolve) => browser.once('exit', resolve));

const debuggerAddress = () =>
  new Promise((resolve, reject) => {
    browser.once('exit', () => reject(new Error('Chromium did not start')));
    createInterface({ input: browser.stderr }).on('line', (line) => {
      const address = /DevTools listening on (.*)$/.exec(line);
      if (address) resolve(address[1]);
    });
  });

const connect = async (address) => {
  const socket = new WebSocket(address);
  await new Promise((resolve) => socket.once('open', resolve));
  const waiting = new Map();
  const listeners = [];
  let last = 0;
  socket.on('message', (data) => {
    const message = JSON.parse(data);
    if (message.id) {
      const { resolve, reject } = waiting.get(message.id);
      waiting.delete(message.id);
      if (message.error) reject(new Error(message.error.message));
      else resolve(message.result);
    } else listeners.forEach((listener) => listener(message));
  });
  const send = (method, params = {}, sessionId) =>
    new Promise((resolve, reject) => {
      last += 1;
      waiting.set(last, { resolve, reject });
      socket.send(JSON.stringify({ id: last, method, params, sessionId }));
    });
  return { send, listen: (listener) => listeners.push(listener), close: () => socket.close() };
};

// Runs in the page: puts a document into the editor, presses the button and waits for the answer.
const inPage = `async (text, expected) => {
  const found = (read) =>
    new Promise((resolve) => {
      const look = () => {
        const value = read();
        if (value) resolve(value);
        return value;
      };
      if (!look())
        new MutationObserver((_, observer) => look() && observer.disconnect()).observe(document, {
          subtree: true, childList: true, characterData: true, attributes: true,
        });
    });
  const editor = await found(() => document.querySelector('.graphiql-query-editor .CodeMirror')?.CodeMirror);
  editor.setValue(text);
  const button = await found(() => document.querySelector('.graphiql-execute-button'));
  button.click();
  const answer = await found(() => document.querySelector('.result-window .CodeMirror')?.CodeMirror);
  await new Promise((resolve) => {
    const look = () => answer.getValue().includes(expected) && resolve();
    answer.on('change', look);
    look();
  });
  return answer.getValue();
}`;

process.once('SIGTERM', () => browser.kill());
try {
  const devtools = await connect(await debuggerAddress());
  const { targetId } = await devtools.send('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = await devtools.send('Target.attachToTarget', { targetId, flatten: true });
  const page = (method, params) => devtools.send(method, params, sessionId);
  const requests = [];
  const complaints = [];
  const loaded = new Promise((resolve) => {
    devtools.listen(({ method, params }) => {
      if (method === 'Network.requestWillBeSent') requests.push(params.request.url);
      if (method === 'Network.webSocketCreated') requests.push(params.url);
      if (method === 'Log.entryAdded') complaints.push(params.entry.text);
      if (method === 'Runtime.exceptionThrown') complaints.push(params.exceptionDetails.text);
      if (method === 'Page.loadEventFired') resolve();
    });
  });
  for (const domain of ['Network', 'Log', 'Runtime', 'Page']) await page(`${domain}.enable`);
  await page('Page.navigate', { url });
  await loaded;

  const ask = async (text, expected) => {
    const expression = `(${inPage})(${JSON.stringify(text)}, ${JSON.stringify(expected)})`;
    const { result, exceptionDetails } = await page('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails) throw new Error(exceptionDetails.exception.description);
    return JSON.parse(result.value);
  };
  const answers = {
    query: await ask(query, '"hello"'),
    subscription: await ask(subscription, '"count": 3'),
  };
  if (picture) {
    const { data } = await page('Page.captureScreenshot');
    await writeFile(picture, Buffer.from(data, 'base64'));
  }
  devtools.close();
  console.log(JSON.stringify({ ...answers, requests, complaints }));
} finally {
  browser.kill();
  await left;
  await rm(profile, { recursive: true, force: true, maxRetries: 5 });
}
