// As much of a page as React needs; the network stays that of Node.js.
import { Window } from 'happy-dom';

const window = new Window();
const { document, navigator, ResizeObserver } = window;
const page = { window, document, navigator, ResizeObserver };
for (const [name, value] of Object.entries(page))
  Object.defineProperty(globalThis, name, { value, configurable: true });
