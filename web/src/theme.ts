// Light, dark, or as the system has it.
import { applyMode, Mode } from "@cloudscape-design/global-styles";
import { useEffect } from "react";
import { useRemembered } from "./stored";

export type Theme = "system" | "light" | "dark";

const dark = window.matchMedia("(prefers-color-scheme: dark)");

export function useTheme(): [Theme, (theme: Theme) => void] {
  const [theme, setTheme] = useRemembered<Theme>("theme", "system");
  useEffect(() => {
    const apply = () => {
      const mode = theme === "dark" || (theme === "system" && dark.matches) ? Mode.Dark : Mode.Light;
      applyMode(mode);
      document.documentElement.style.colorScheme = mode === Mode.Dark ? "dark" : "light";
    };
    apply();
    dark.addEventListener("change", apply);
    return () => dark.removeEventListener("change", apply);
  }, [theme]);
  return [theme, setTheme];
}
