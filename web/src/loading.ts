// Asynchronous values of a page: the newest question wins, a late answer of an older one is dropped.
import { useCallback, useEffect, useRef, useState } from "react";
import { messageOf } from "./guardduty";

export interface Loaded<T> {
  value?: T;
  error?: string;
  loading: boolean;
  again: () => void;
}

export function useLoaded<T>(load: () => Promise<T>, dependencies: unknown[]): Loaded<T> {
  const [state, setState] = useState<{ value?: T; error?: string; loading: boolean }>({ loading: true });
  const [turn, setTurn] = useState(0);
  const newest = useRef(0);
  useEffect(() => {
    const mine = ++newest.current;
    setState((before) => ({ value: before.value, loading: true }));
    load().then(
      (value) => mine === newest.current && setState({ value, loading: false }),
      (error: unknown) => mine === newest.current && setState({ error: messageOf(error), loading: false }),
    );
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [...dependencies, turn]);
  useEffect(
    () => () => {
      newest.current = -1;
    },
    [],
  );
  return { ...state, again: useCallback(() => setTurn((before) => before + 1), []) };
}
