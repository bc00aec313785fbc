// Activity by hour or day beside what is usual at that hour, or on a day.
import Box from "@cloudscape-design/components/box";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import MixedLineBarChart, { type MixedLineBarChartProps } from "@cloudscape-design/components/mixed-line-bar-chart";
import type { Entity } from "./entity";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const hourlyDaysMax = 3; // more bars than that cannot be told apart

interface Bar {
  label: string;
  succeeded: number;
  failed: number;
  median?: number;
  high?: number;
}

function bars(entity: Entity): Bar[] {
  const from = new Date(entity.from).getTime();
  const to = new Date(entity.to).getTime();
  const { hours, days, hourlySince } = entity.activity;
  const hourly = to - from <= hourlyDaysMax * dayMs && new Date(hourlySince).getTime() <= from;
  const out: Bar[] = [];
  if (hourly) {
    const counts = new Map(hours.map((hour) => [new Date(hour.at).getTime(), hour]));
    for (let at = from - (from % hourMs); at < to; at += hourMs) {
      const usual = entity.baseline.hoursOfDay?.[new Date(at).getUTCHours()];
      const count = counts.get(at);
      out.push({
        label: new Date(at).toISOString().slice(5, 13).replace("T", " ") + "h",
        succeeded: (count?.count ?? 0) - (count?.failed ?? 0),
        failed: count?.failed ?? 0,
        median: usual?.median,
        high: usual?.high,
      });
    }
    return out;
  }
  const counts = new Map(days.map((day) => [day.day, day]));
  for (let at = from - (from % dayMs); at < to; at += dayMs) {
    const day = new Date(at).toISOString().slice(0, 10);
    const count = counts.get(day);
    out.push({
      label: day.slice(5),
      succeeded: (count?.count ?? 0) - (count?.failed ?? 0),
      failed: count?.failed ?? 0,
      median: entity.baseline.perDay?.median,
      high: entity.baseline.perDay?.high,
    });
  }
  return out;
}

export function Activity({ entity }: { entity: Entity }) {
  const shown = bars(entity);
  const known = shown.some((bar) => bar.median !== undefined);
  const series: MixedLineBarChartProps<string>["series"] = [
    { title: "Succeeded", type: "bar", data: shown.map((bar) => ({ x: bar.label, y: bar.succeeded })) },
    { title: "Failed", type: "bar", data: shown.map((bar) => ({ x: bar.label, y: bar.failed })) },
    ...(known
      ? [
          { title: "Usual (median)", type: "line" as const, data: shown.map((bar) => ({ x: bar.label, y: bar.median ?? 0 })) },
          { title: "Seldom more than (9 of 10)", type: "line" as const, data: shown.map((bar) => ({ x: bar.label, y: bar.high ?? 0 })) },
        ]
      : []),
  ];
  const total = shown.reduce((sum, bar) => sum + bar.succeeded + bar.failed, 0);
  const failed = shown.reduce((sum, bar) => sum + bar.failed, 0);
  return (
    <Container
      header={
        <Header
          variant="h2"
          description={
            known
              ? `Beside what was usual on the ${entity.baseline.days} days before`
              : "What is usual cannot be told: it was not known before this time"
          }
        >
          Activity
        </Header>
      }
    >
      <Box padding={{ bottom: "s" }}>
        {total.toLocaleString("en")} calls, queries or connections in this time
        {failed > 0 && `, ${failed.toLocaleString("en")} of them refused or failed`}.
      </Box>
      <MixedLineBarChart
        series={series}
        stackedBars
        xDomain={shown.map((bar) => bar.label)}
        xScaleType="categorical"
        yTitle="Times"
        height={220}
        hideFilter
        ariaLabel="Activity over time"
        xTitle="Time (UTC)"
        empty="Nothing in this time."
      />
    </Container>
  );
}
