// What the settings pages share: everything here holds for one Region and is asked of the API.
import ContentLayout from "@cloudscape-design/components/content-layout";
import Header from "@cloudscape-design/components/header";
import Select from "@cloudscape-design/components/select";
import Spinner from "@cloudscape-design/components/spinner";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import type { ReactNode } from "react";
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
