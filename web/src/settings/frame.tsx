// What the settings pages share: everything here holds for one Region and is asked of the API.
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import ContentLayout from "@cloudscape-design/components/content-layout";
import Header from "@cloudscape-design/components/header";
import Modal from "@cloudscape-design/components/modal";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Spinner from "@cloudscape-design/components/spinner";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { useId, useState, type ReactNode } from "react";
import { useApi, type Place } from "../guardduty";
import { useLoaded } from "../loading";
import { Failed } from "../parts";
import { go, href } from "../router";

export interface SectionProps {
  place: Place;
  lookAgain: () => void; // for the detector itself
}

interface RegionPageProps {
  section: string;
  title: string;
  description: string;
  region: string;
  children: (props: SectionProps) => ReactNode;
  without?: (region: string, lookAgain: () => void) => ReactNode; // where there is no detector
}

export function RegionPage({ section, title, description, region, children, without }: RegionPageProps) {
  const api = useApi();
  const place = useLoaded(() => api.place(region), [api, region]);
  const lookAgain = () => {
    api.forgetPlace(region);
    place.again();
  };
  return (
    <ContentLayout
      header={
        <Header
          variant="h1"
          description={description}
          actions={
            <Select
              ariaLabel="Region"
              selectedOption={{ value: region, label: region }}
              options={api.session.regions.map((value) => ({ value, label: value }))}
              onChange={({ detail }) => go(href(["settings", section], { region: detail.selectedOption.value }))}
            />
          }
        >
          {title}
        </Header>
      }
    >
      {place.error ? (
        <Failed what="The Region cannot be shown" error={place.error} />
      ) : place.value && place.value.region === region ? (
        children({ place: place.value, lookAgain })
      ) : place.loading ? (
        <Spinner size="large" />
      ) : (
        (without?.(region, lookAgain) ?? <StatusIndicator type="info">You have no detector in {region}.</StatusIndicator>)
      )}
    </ContentLayout>
  );
}

// Asks once more before something that cannot be taken back; `act` tells whether it worked.
export function Confirm({ title, children, action, act, onEnd }: { title: string; children: ReactNode; action: string; act: () => Promise<unknown>; onEnd: () => void }) {
  const [busy, setBusy] = useState(false);
  return (
    <Dialog
      title={title}
      action={action}
      busy={busy}
      onEnd={onEnd}
      onAct={async () => {
        setBusy(true);
        await act();
        setBusy(false);
        onEnd();
      }}
    >
      {children}
    </Dialog>
  );
}

interface DialogProps {
  title: string;
  children: ReactNode;
  action: string;
  busy?: boolean;
  disabled?: boolean;
  onAct: () => Promise<unknown>;
  onEnd: () => void;
}

export function Dialog({ title, children, action, busy, disabled, onAct, onEnd }: DialogProps) {
  const id = useId();
  return (
    <Modal
      visible
      header={title}
      onDismiss={onEnd}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={onEnd}>
              Cancel
            </Button>
            <Button variant="primary" loading={busy} disabled={disabled} form={id} formAction="submit">
              {action}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <form
        id={id}
        onSubmit={(event) => {
          event.preventDefault();
          if (!disabled && !busy) void onAct();
        }}
      >
        {children}
      </form>
    </Modal>
  );
}
