// Places on a map of the world. The outline is Natural Earth's (public domain), part of the console: no server of
// tiles is asked.
import type { Topology } from "topojson-specification";
import { feature } from "topojson-client";
import land from "world-atlas/land-110m.json";
import { plain } from "../text";

const width = 720;
const height = 340;
const south = -58; // what lies below has no networks
const north = 84;

const x = (longitude: number) => ((longitude + 180) / 360) * width;
const y = (latitude: number) => ((north - latitude) / (north - south)) * height;

type Ring = [number, number][];
function outline(): string {
  const topology = land as unknown as Topology;
  const made = feature(topology, topology.objects["land"]!) as unknown as {
    type: string;
    geometry?: { coordinates: Ring[][] };
    features?: { geometry: { coordinates: Ring[][] } }[];
  };
  const shapes = made.features?.map(({ geometry }) => geometry.coordinates) ?? [made.geometry?.coordinates ?? []];
  return shapes
    .flat(2)
    .map((ring) =>
      ring
        .map(([longitude, latitude], index) => {
          // What goes on at the map's other edge begins anew there.
          const leaps = index === 0 || Math.abs(longitude - ring[index - 1]![0]) > 180;
          return `${leaps ? "M" : "L"}${x(longitude).toFixed(1)},${y(Math.max(south, latitude)).toFixed(1)}`;
        })
        .join(""),
    )
    .join("");
}
const path = outline();

export interface Spot {
  latitude: number;
  longitude: number;
  label: string;
  count: number;
  new: boolean;
}

export default function WorldMap({ spots, label }: { spots: Spot[]; label: string }) {
  const most = Math.max(1, ...spots.map((spot) => spot.count));
  return (
    <div className="figure">
      <svg viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label} className="world">
        <path d={path} className="land" />
        {spots.map((spot, index) => (
          <circle
            key={index}
            cx={x(spot.longitude)}
            cy={y(spot.latitude)}
            r={4 + 6 * (Math.log1p(spot.count) / Math.log1p(most))}
            className={spot.new ? "spot spot-new" : "spot"}
          >
            <title>{plain(spot.label)}</title>
          </circle>
        ))}
      </svg>
    </div>
  );
}
