// Moddable's module `timer` for specs inside XS, over the host's timeouts.
export default {
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
