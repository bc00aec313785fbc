// The criteria of a rule, with the wildcards that rules know.
import PropertyFilter from "@cloudscape-design/components/property-filter";
import { useMemo, useState } from "react";
import { useApi, type Criterion } from "../guardduty";
import { plain } from "../text";
import { FilterError, optionsFrom, ruleProperties, toCriterion, toTokens } from "./filter";

export function CriterionEditor({ criterion, onChange }: { criterion: Criterion; onChange: (criterion: Criterion) => void }) {
  const { session } = useApi();
  const [error, setError] = useState("");
  const tokens = useMemo(() => toTokens(criterion), [criterion]);
  const options = useMemo(() => optionsFrom([], session.accounts, session.regions), [session]);
  return (
    <>
      <PropertyFilter
        query={{ tokens, operation: "and" }}
        onChange={({ detail }) => {
          try {
            onChange(toCriterion(detail.tokens));
            setError("");
          } catch (failure) {
            if (!(failure instanceof FilterError)) throw failure;
            setError(failure.message);
          }
        }}
        filteringProperties={ruleProperties}
        filteringOptions={options}
        customGroupsText={[{ group: "all", properties: "All attributes", values: "Values of all attributes" }]}
        hideOperations
        disableFreeTextFiltering
        filteringPlaceholder="Attribute and value; : takes * and ?"
        filteringAriaLabel="Criteria"
        expandToViewport
        virtualScroll
      />
      {error && <div role="alert">{plain(error)}</div>}
    </>
  );
}
