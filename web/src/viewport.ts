import { useSyncExternalStore } from "react";

const narrow = window.matchMedia("(max-width: 688px)");

function subscribe(changed: () => void): () => void {
  narrow.addEventListener("change", changed);
  return () => narrow.removeEventListener("change", changed);
}

// As wide as a phone: lists become cards.
export const useNarrow = () => useSyncExternalStore(subscribe, () => narrow.matches);
