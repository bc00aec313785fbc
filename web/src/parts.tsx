// Small pieces that several pages are made of.
import Box from "@cloudscape-design/components/box";
import CopyToClipboard from "@cloudscape-design/components/copy-to-clipboard";
import Link from "@cloudscape-design/components/link";
import Select from "@cloudscape-design/components/select";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import type { ReactNode } from "react";
import { ageText, levelOf, timeText } from "./finding";
import { go } from "./router";
import { Text } from "./text";

export function Severity({ value }: { value?: number }) {
  const level = levelOf(value);
  return (
    <span className={`severity severity-${level}`}>
      <span aria-hidden="true" className="severity-mark" />
      {level[0]!.toUpperCase() + level.slice(1)} <span className="severity-number">{value ?? 0}</span>
    </span>
  );
}

export function Time({ at }: { at?: string | number | Date }) {
  if (at === undefined || at === "") return <>-</>;
  return (
    <time dateTime={new Date(at).toISOString()} title={ageText(at)} className="time">
      {timeText(at)}
    </time>
  );
}

// A link inside the console.
export function To({ to, children, label }: { to: string; children: ReactNode; label?: string }) {
  return (
    <Link
      href={to}
      ariaLabel={label}
      onFollow={(event) => {
        if (event.detail.external) return;
        event.preventDefault();
        go(to);
      }}
    >
      {children}
    </Link>
  );
}

export function Value({ children, most }: { children?: string | number | boolean | null; most?: number }) {
  if (children === undefined || children === null || children === "") return <Box color="text-status-inactive">-</Box>;
  return <Text most={most}>{children}</Text>;
}

export function Copy({ text, label }: { text: string; label: string }) {
  return <CopyToClipboard variant="icon" textToCopy={text} copyButtonAriaLabel={label} copySuccessText="Copied" copyErrorText="Not copied" />;
}

export function Failed({ what, error }: { what: string; error: string }) {
  return (
    <StatusIndicator type="error">
      {what}: <Text>{error}</Text>
    </StatusIndicator>
  );
}

// Nothing where there is no choice; "" stands for all accounts.
export function AccountSelect({ accounts, account, onChange }: { accounts: string[]; account: string; onChange: (chosen: string | undefined) => void }) {
  if (accounts.length < 2) return null;
  return (
    <Select
      ariaLabel="Account"
      filteringType={accounts.length > 10 ? "auto" : "none"}
      selectedOption={{ value: account, label: account || "All accounts" }}
      options={[{ value: "", label: "All accounts" }, ...accounts.map((value) => ({ value, label: value }))]}
      onChange={({ detail }) => onChange(detail.selectedOption.value)}
    />
  );
}
