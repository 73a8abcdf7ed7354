// React alone, to be taken off the libraries that stand on it.
import { createElement } from 'react';
import { flushSync } from 'react-dom';
import { createRoot } from 'react-dom/client';
import { run } from './run.js';

run(({ line }) => {
  const root = createRoot(line);
  const draw = (points) => flushSync(() => root.render(createElement('p', null, points?.length)));
  draw();
  return draw;
});
