// The one place that holds what the page shows. State is never changed in place: `reduce` makes the next one.

export function createStore(reduce, state) {
  const listeners = new Set();
  return {
    get state() { return state; },
    dispatch(action) {
      const next = reduce(state, action);
      if (next === state) return;
      state = next;
      for (const listener of listeners) listener(state);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

// Several reducers as one: each sees every action and the whole state.
export const chain = (...reducers) => (state, action) => reducers.reduce((now, one) => one(now, action), state);
