// An attack sequence: its signals as a chain over time and as a graph, and who and what takes part.
import type { Finding, Sequence, Signal } from "@aws-sdk/client-guardduty";
import Box from "@cloudscape-design/components/box";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Tabs from "@cloudscape-design/components/tabs";
import { useMemo } from "react";
import { counted, levelOf, timeText } from "../finding";
import { Severity, Time, Value } from "../parts";
import { Rows } from "../rows";
import { plain, Text } from "../text";
import { tactics } from "./guidance";

// The order in which attacks go on, by ATT&CK.
const order = [
  "Reconnaissance",
  "Resource Development",
  "Initial Access",
  "Execution",
  "Persistence",
  "Privilege Escalation",
  "Defense Evasion",
  "Credential Access",
  "Discovery",
  "Lateral Movement",
  "Collection",
  "Command and Control",
  "Exfiltration",
  "Impact",
];
const others = "Other";

function valuesOf(signal: Signal, key: string): string[] {
  return (signal.SignalIndicators ?? []).filter((one) => one.Key === key).flatMap((one) => one.Values ?? []);
}

function tacticOf(signal: Signal): string {
  const told = valuesOf(signal, "ATTACK_TACTIC")[0];
  if (!told) return others;
  const name = tactics[told] ?? told;
  return order.find((known) => known.toLowerCase() === name.toLowerCase()) ?? name;
}

const rank = (tactic: string) => {
  const at = order.indexOf(tactic);
  return at < 0 ? order.length : at;
};
const startOf = (signal: Signal) => signal.FirstSeenAt?.getTime() ?? 0;
const endOf = (signal: Signal) => signal.LastSeenAt?.getTime() ?? startOf(signal);
const clip = (text: string, most: number) => {
  const told = plain(text);
  return [...told].length > most ? `${[...told].slice(0, most - 1).join("")}…` : told;
};

export default function SequenceView({ finding }: { finding: Finding }) {
  const sequence = finding.Service?.Detection?.Sequence;
  const signals = useMemo(
    () => [...(sequence?.Signals ?? [])].sort((a, b) => startOf(a) - startOf(b) || endOf(a) - endOf(b)),
    [sequence],
  );
  if (!sequence || !signals.length) return null;
  return (
    <Container
      header={
        <Header variant="h2" counter={`(${signals.length})`} description={sequence.Description !== finding.Description && <Text>{sequence.Description}</Text>}>
          Attack sequence
        </Header>
      }
    >
      <SpaceBetween size="l">
        <Summary sequence={sequence} signals={signals} />
        <Tabs
          ariaLabel="Views of the sequence"
          tabs={[
            { id: "timeline", label: "Timeline", content: <Chain signals={signals} /> },
            { id: "graph", label: "Graph", content: <Graph sequence={sequence} signals={signals} /> },
            { id: "signals", label: `Signals (${signals.length})`, content: <Signals signals={signals} /> },
            { id: "actors", label: `Actors (${sequence.Actors?.length ?? 0})`, content: <Actors sequence={sequence} /> },
            { id: "endpoints", label: `Endpoints (${sequence.Endpoints?.length ?? 0})`, content: <Endpoints sequence={sequence} /> },
            { id: "resources", label: `Resources (${sequence.Resources?.length ?? 0})`, content: <Resources sequence={sequence} /> },
          ]}
        />
      </SpaceBetween>
    </Container>
  );
}

function Summary({ sequence, signals }: { sequence: Sequence; signals: Signal[] }) {
  const seen = [...new Set(signals.map(tacticOf))].filter((tactic) => tactic !== others).sort((a, b) => rank(a) - rank(b));
  const minutes = Math.round((Math.max(...signals.map(endOf)) - startOf(signals[0]!)) / 60_000);
  return (
    <KeyValuePairs
      columns={4}
      items={[
        { label: "Lasted", value: minutes < 90 ? `${minutes} minutes` : `${(minutes / 60).toFixed(1)} hours` },
        { label: "Tactics", value: <Value>{seen.join(", ")}</Value> },
        { label: "Actors", value: <Value>{(sequence.Actors ?? []).map((actor) => actor.User?.Name || actor.Id).join(", ")}</Value> },
        { label: "From", value: <Value>{(sequence.Endpoints ?? []).map((endpoint) => endpoint.Ip ?? endpoint.Domain).join(", ")}</Value> },
      ]}
    />
  );
}

// Lanes by tactic, time from left to right; the same content is in the table of signals for who cannot see it.
function Chain({ signals }: { signals: Signal[] }) {
  const lanes = [...new Set(signals.map(tacticOf))].sort((a, b) => rank(a) - rank(b));
  const first = startOf(signals[0]!);
  const last = Math.max(...signals.map(endOf), first + 60_000);
  const left = 150;
  const width = 900;
  const lane = 42;
  const top = 30;
  const x = (time: number) => left + 20 + ((time - first) / (last - first)) * (width - left - 60);
  const y = (tactic: string) => top + lanes.indexOf(tactic) * lane + lane / 2;
  const ticks = Array.from({ length: 5 }, (_, index) => first + ((last - first) * index) / 4);
  const path = signals.map((signal, index) => `${index ? "L" : "M"}${x(startOf(signal))} ${y(tacticOf(signal))}`).join(" ");
  const day = timeText(first).slice(0, 10) === timeText(last).slice(0, 10);
  return (
    <SpaceBetween size="m">
      <div className="figure" tabIndex={0} role="group" aria-label="Timeline of the signals by tactic">
        <svg width={width} height={top + lanes.length * lane + 10} role="img" aria-label={`${signals.length} signals in ${lanes.length} tactics`}>
          {ticks.map((time, index) => (
            <g key={time}>
              <line className="axis" x1={x(time)} x2={x(time)} y1={top - 8} y2={top + lanes.length * lane} strokeDasharray="2 4" />
              <text className="quiet" x={x(time)} y={14} textAnchor={index === 4 ? "end" : index === 0 ? "start" : "middle"}>
                {day ? timeText(time).slice(11) : timeText(time).slice(5, 16)}
              </text>
            </g>
          ))}
          {lanes.map((tactic) => (
            <g key={tactic}>
              <text x={0} y={y(tactic) + 4}>
                {clip(tactic, 22)}
              </text>
              <line className="axis" x1={left} x2={width} y1={y(tactic)} y2={y(tactic)} />
            </g>
          ))}
          <path className="edge" d={path} strokeWidth={1.5} />
          {signals.map((signal, index) => (
            <g key={signal.Uid ?? index} className={`severity-${levelOf(signal.Severity)}`}>
              <title>{`${plain(signal.Name)}, ${timeText(signal.FirstSeenAt)}, ${counted(signal.Count ?? 1, "time")}`}</title>
              {endOf(signal) > startOf(signal) && (
                <line
                  x1={x(startOf(signal))}
                  x2={x(endOf(signal))}
                  y1={y(tacticOf(signal))}
                  y2={y(tacticOf(signal))}
                  stroke="currentColor"
                  strokeWidth={4}
                  strokeLinecap="round"
                  opacity={0.45}
                />
              )}
              <circle
                cx={x(startOf(signal))}
                cy={y(tacticOf(signal))}
                r={5 + Math.min(7, Math.log2(signal.Count ?? 1))}
                fill="currentColor"
                opacity={0.9}
              />
            </g>
          ))}
        </svg>
      </div>
      <ol className="timeline">
        {signals.map((signal, index) => (
          <li key={signal.Uid ?? index}>
            <SpaceBetween direction="horizontal" size="xs">
              <Time at={signal.FirstSeenAt} />
              {Boolean(signal.Severity) && <Severity value={signal.Severity} />}
              <b>{plain(tacticOf(signal))}</b>
            </SpaceBetween>
            <div>
              <Text>{signal.Description || signal.Name}</Text>
              {(signal.Count ?? 1) > 1 && <Box variant="span" color="text-body-secondary">{` ${signal.Count} times`}</Box>}
            </div>
          </li>
        ))}
      </ol>
    </SpaceBetween>
  );
}

interface Node {
  id: string;
  label: string;
  note: string;
}

// Where from, who, did what, to what: four columns and the lines between them.
function Graph({ sequence, signals }: { sequence: Sequence; signals: Signal[] }) {
  const lanes = [...new Set(signals.map(tacticOf))].sort((a, b) => rank(a) - rank(b));
  const columns: { title: string; nodes: Node[] }[] = [
    {
      title: "From",
      nodes: (sequence.Endpoints ?? []).map((one) => ({
        id: `e:${one.Id}`,
        label: one.Ip ?? one.Domain ?? one.Id ?? "",
        note: one.AutonomousSystem?.Name ?? one.Location?.Country ?? "",
      })),
    },
    {
      title: "Who",
      nodes: (sequence.Actors ?? []).map((one) => ({
        id: `a:${one.Id}`,
        label: one.User?.Name || one.User?.Uid || one.Id || "",
        note: one.User?.CredentialUid || one.User?.Type || "",
      })),
    },
    {
      title: "Did",
      nodes: lanes.map((tactic) => {
        const own = signals.filter((signal) => tacticOf(signal) === tactic);
        return { id: `t:${tactic}`, label: tactic, note: own.map((signal) => signal.Name).join(", ") };
      }),
    },
    {
      title: "To",
      nodes: (sequence.Resources ?? []).map((one) => ({ id: `r:${one.Uid}`, label: one.Name || one.Uid || "", note: one.ResourceType ?? "" })),
    },
  ];
  const shown = columns.filter(({ nodes }) => nodes.length);
  const boxWidth = 180;
  const boxHeight = 46;
  const gap = 14;
  const step = 241;
  const rows = Math.max(...shown.map(({ nodes }) => nodes.length));
  const height = 34 + rows * (boxHeight + gap);
  const place = new Map<string, { x: number; y: number }>();
  shown.forEach(({ nodes }, column) => {
    const offset = ((rows - nodes.length) * (boxHeight + gap)) / 2;
    nodes.forEach((node, row) => place.set(node.id, { x: column * step, y: 34 + offset + row * (boxHeight + gap) }));
  });
  const edges = new Map<string, { from: string; to: string; weight: number }>();
  const connect = (from: string, to: string, weight: number) => {
    if (!place.has(from) || !place.has(to)) return;
    const known = edges.get(`${from}>${to}`) ?? { from, to, weight: 0 };
    known.weight += weight;
    edges.set(`${from}>${to}`, known);
  };
  for (const signal of signals) {
    const tactic = `t:${tacticOf(signal)}`;
    for (const actor of signal.ActorIds ?? []) {
      for (const endpoint of signal.EndpointIds ?? []) connect(`e:${endpoint}`, `a:${actor}`, signal.Count ?? 1);
      connect(`a:${actor}`, tactic, signal.Count ?? 1);
    }
    for (const resource of signal.ResourceUids ?? []) connect(tactic, `r:${resource}`, signal.Count ?? 1);
  }
  const width = (shown.length - 1) * step + boxWidth + 2;
  return (
    <div className="figure" tabIndex={0} role="group" aria-label="Graph of the sequence">
      <svg width={width} height={height} role="img" aria-label="Endpoints, actors, tactics and resources of the sequence and how they are connected">
        {[...edges.values()].map(({ from, to, weight }) => {
          const a = place.get(from)!;
          const b = place.get(to)!;
          const x1 = a.x + boxWidth;
          const y1 = a.y + boxHeight / 2;
          const y2 = b.y + boxHeight / 2;
          const middle = (x1 + b.x) / 2;
          return (
            <path
              key={`${from}>${to}`}
              className="edge"
              strokeWidth={1 + Math.min(5, Math.log2(weight + 1))}
              d={`M${x1} ${y1} C${middle} ${y1} ${middle} ${y2} ${b.x} ${y2}`}
            />
          );
        })}
        {shown.map(({ title, nodes }, column) => (
          <g key={title}>
            <text className="quiet" x={column * step} y={16} fontWeight={700}>
              {title}
            </text>
            {nodes.map((node) => {
              const at = place.get(node.id)!;
              return (
                <g key={node.id} transform={`translate(${at.x + 1} ${at.y})`}>
                  <title>{`${plain(node.label)}${node.note ? `: ${plain(node.note)}` : ""}`}</title>
                  <rect className="node" width={boxWidth} height={boxHeight} rx={8} />
                  <text x={12} y={20} fontWeight={600}>
                    {clip(node.label, 22)}
                  </text>
                  <text className="quiet" x={12} y={36} fontSize={11}>
                    {clip(node.note, 27)}
                  </text>
                </g>
              );
            })}
          </g>
        ))}
      </svg>
    </div>
  );
}

function Signals({ signals }: { signals: Signal[] }) {
  return (
    <Rows
      variant="embedded"
      items={signals}
      ariaLabels={{ tableLabel: "Signals" }}
      columnDefinitions={[
        { id: "time", header: "First seen (UTC)", cell: (one) => <Time at={one.FirstSeenAt} />, width: 180 },
        { id: "severity", header: "Severity", cell: (one) => (one.Severity ? <Severity value={one.Severity} /> : "-"), width: 120 },
        { id: "name", header: "Signal", cell: (one) => <Value>{one.Name}</Value>, isRowHeader: true },
        { id: "tactic", header: "Tactic", cell: (one) => plain(tacticOf(one)) },
        { id: "technique", header: "Technique", cell: (one) => <Value>{valuesOf(one, "ATTACK_TECHNIQUE").join(", ")}</Value> },
        { id: "kind", header: "Kind", cell: (one) => <Value>{one.Type}</Value> },
        { id: "count", header: "Count", cell: (one) => one.Count ?? 1 },
        { id: "description", header: "Description", cell: (one) => <Value>{one.Description}</Value>, minWidth: 240 },
      ]}
    />
  );
}

function Actors({ sequence }: { sequence: Sequence }) {
  return (
    <Rows
      variant="embedded"
      items={sequence.Actors ?? []}
      ariaLabels={{ tableLabel: "Actors" }}
      empty="The logs name none."
      columnDefinitions={[
        { id: "name", header: "Name", cell: (one) => <Value>{one.User?.Name}</Value>, isRowHeader: true },
        { id: "kind", header: "Kind", cell: (one) => <Value>{one.User?.Type}</Value> },
        { id: "id", header: "Principal ID", cell: (one) => <Value>{one.User?.Uid}</Value> },
        { id: "key", header: "Access key", cell: (one) => <Value>{one.User?.CredentialUid}</Value> },
        { id: "account", header: "Account", cell: (one) => <Value>{one.User?.Account?.Uid}</Value> },
      ]}
    />
  );
}

function Endpoints({ sequence }: { sequence: Sequence }) {
  return (
    <Rows
      variant="embedded"
      items={sequence.Endpoints ?? []}
      ariaLabels={{ tableLabel: "Endpoints" }}
      empty="The logs name none."
      columnDefinitions={[
        { id: "address", header: "Address", cell: (one) => <Value>{one.Ip ?? one.Domain}</Value>, isRowHeader: true },
        {
          id: "place",
          header: "Place",
          cell: (one) => <Value>{[one.Location?.City, one.Location?.Country].filter(Boolean).join(", ")}</Value>,
        },
        { id: "network", header: "Network", cell: (one) => <Value>{one.AutonomousSystem?.Name}</Value> },
        { id: "asn", header: "ASN", cell: (one) => <Value>{one.AutonomousSystem?.Number}</Value> },
      ]}
    />
  );
}

function Resources({ sequence }: { sequence: Sequence }) {
  return (
    <Rows
      variant="embedded"
      items={sequence.Resources ?? []}
      ariaLabels={{ tableLabel: "Resources" }}
      empty="The logs name none."
      columnDefinitions={[
        { id: "name", header: "Name", cell: (one) => <Value>{one.Name}</Value>, isRowHeader: true },
        { id: "kind", header: "Kind", cell: (one) => <Value>{one.ResourceType}</Value> },
        { id: "id", header: "ID", cell: (one) => <Value>{one.Uid}</Value> },
        { id: "account", header: "Account", cell: (one) => <Value>{one.AccountId}</Value> },
        { id: "region", header: "Region", cell: (one) => <Value>{one.Region}</Value> },
      ]}
    />
  );
}
