// `measure.mjs` calls these in the page. `mount` draws everything into four elements and returns how
// to draw the line anew.
import { YEAR, grown } from './data.js';

const drawn = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));

export const run = (mount) => {
  const places = Object.fromEntries(
    ['line', 'bar', 'donut', 'heatmap'].map((name) => {
      const place = document.createElement('section');
      document.body.append(place);
      return [name, place];
    }),
  );
  let update;
  window.first = async () => {
    await drawn();
    const began = performance.now();
    update = mount(places);
    const script = performance.now() - began;
    await drawn();
    return { script, shown: performance.now() - began };
  };
  window.updates = async (count, perSecond) => {
    const scripts = [];
    const frames = [];
    let running = true;
    let before = performance.now();
    const frame = (now) => {
      frames.push(now - before);
      before = now;
      if (running) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    for (let n = 1; n <= count; n += 1) {
      const began = performance.now();
      update(grown(n));
      scripts.push(performance.now() - began);
      await new Promise((done) => setTimeout(done, 1000 / perSecond - (performance.now() - began)));
    }
    running = false;
    return { scripts, frames };
  };
  window.points = YEAR.length;
};
