// Begins an investigation and shows its report.
import { CreateInvestigationCommand } from "@aws-sdk/client-guardduty";
import Button from "@cloudscape-design/components/button";
import { useState } from "react";
import { useApi } from "../guardduty";
import { useNotices } from "../notices";
import { go, href } from "../router";

const promptMax = 2048; // the API's

export function useInvestigate(): { busy: boolean; begin: (prompt: string, region?: string) => Promise<void> } {
  const api = useApi();
  const notices = useNotices();
  const [busy, setBusy] = useState(false);
  const begin = async (prompt: string, region = api.session.region) => {
    setBusy(true);
    await notices.attempt("", async () => {
      const place = await api.place(region);
      if (!place) throw new Error(`there is no detector in ${region}`);
      const { InvestigationId } = await place.client.send(
        new CreateInvestigationCommand({ DetectorId: place.detectorId, TriggerPrompt: prompt.slice(0, promptMax) }),
      );
      go(href(["investigations", region, InvestigationId ?? ""]));
    });
    setBusy(false);
  };
  return { busy, begin };
}

export function BeginInvestigation({ prompt, region }: { prompt: string; region?: string }) {
  const api = useApi();
  const { busy, begin } = useInvestigate();
  if (!api.may("CreateInvestigation")) return null;
  return (
    <Button loading={busy} onClick={() => void begin(prompt, region)}>
      Investigate
    </Button>
  );
}
