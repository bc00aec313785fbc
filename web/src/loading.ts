// Asynchronous values of a page: the newest question wins, a late answer of an older one is dropped.
import { useCallback, useEffect, useRef, useState } from "react";
import { messageOf } from "./guardduty";

export interface Loaded<T> {
  value?: T;
  error?: string;
  loading: boolean;
  again: () => void;
}

// Asked again the old value stays until the new one is there; another question begins with none.
export function useLoaded<T>(load: () => Promise<T>, dependencies: unknown[]): Loaded<T> {
  const [state, setState] = useState<{ value?: T; error?: string; loading: boolean }>({ loading: true });
  const [turn, setTurn] = useState(0);
  const newest = useRef(0);
  const answered = useRef(0);
  useEffect(() => {
    const mine = ++newest.current;
    const again = answered.current !== turn;
    answered.current = turn;
    setState((before) => ({ value: again ? before.value : undefined, loading: true }));
    load().then(
      (value) => mine === newest.current && setState({ value, loading: false }),
      (error: unknown) => mine === newest.current && setState({ error: messageOf(error), loading: false }),
    );
  }, [...dependencies, turn]);
  useEffect(
    () => () => {
      newest.current = -1;
    },
    [],
  );
  return { ...state, again: useCallback(() => setTurn((before) => before + 1), []) };
}
