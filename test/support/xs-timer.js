// Moddable's module `timer` for specs inside XS, over the host's timeouts.
// Taken here: a script may put its own in their place.
const { clearTimeout, setTimeout } = globalThis;

export default {
  set(callback, ms) {
    const timer = {};
    timer.id = setTimeout(() => callback(timer), ms);
    return timer;
  },

  repeat(callback, everyMs) {
    const timer = {};
    const run = () => {
      timer.id = setTimeout(run, everyMs);
      callback(timer);
    };
    timer.id = setTimeout(run, everyMs);
    return timer;
  },

  clear(timer) {
    if (timer) clearTimeout(timer.id);
  },
};
