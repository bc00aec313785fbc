// What was done and what failed, told above every page.
import Flashbar, { type FlashbarProps } from "@cloudscape-design/components/flashbar";
import { createContext, useCallback, useContext, useEffect, useMemo, useState, type ReactNode } from "react";
import { messageOf } from "./guardduty";
import { plain } from "./text";

interface Notices {
  tell: (type: "success" | "info" | "warning" | "error", text: string) => void;
  // Runs what a button does; its end or its failure is told. False when it failed.
  attempt: (done: string, act: () => Promise<unknown>) => Promise<boolean>;
}

const Context = createContext<{ notices: Notices; bar: ReactNode }>({
  notices: { tell: () => undefined, attempt: async () => false },
  bar: null,
});

const shownMax = 3;
const justNowMs = 1000;
let next = 0;
const toldAt = (id = "") => Number(id.split("-")[0]);

export function NoticesProvider({ children }: { children: ReactNode }) {
  const [items, setItems] = useState<FlashbarProps.MessageDefinition[]>([]);
  const tell = useCallback<Notices["tell"]>((type, text) => {
    const id = `${Date.now()}-${next++}`;
    const dismiss = () => setItems((before) => before.filter((item) => item.id !== id));
    const item: FlashbarProps.MessageDefinition = {
      id,
      type,
      content: plain(text),
      dismissible: true,
      dismissLabel: "Dismiss",
      onDismiss: dismiss,
      ariaRole: type === "error" ? "alert" : "status",
    };
    setItems((before) => [item, ...before].slice(0, shownMax));
    if (type === "success") setTimeout(dismiss, 6000);
  }, []);
  // What was done is not said on the next page again; what a button did before it led there is.
  useEffect(() => {
    const leave = () => setItems((before) => before.filter(({ type, id }) => type !== "success" || Date.now() - toldAt(id) < justNowMs));
    window.addEventListener("hashchange", leave);
    return () => window.removeEventListener("hashchange", leave);
  }, []);
  const attempt = useCallback<Notices["attempt"]>(
    async (done, act) => {
      try {
        await act();
        if (done) tell("success", done);
        return true;
      } catch (error) {
        tell("error", messageOf(error));
        return false;
      }
    },
    [tell],
  );
  const value = useMemo(() => ({ notices: { tell, attempt }, bar: <Flashbar items={items} /> }), [tell, attempt, items]);
  return <Context.Provider value={value}>{children}</Context.Provider>;
}

export const useNotices = () => useContext(Context).notices;
export const useNoticeBar = () => useContext(Context).bar;
