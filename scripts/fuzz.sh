#!/usr/bin/env bash
# usage: fuzz.sh FOLDER-OF-FUZZ-PROGRAMS SECONDS
# Runs each target for so long, from its seeds. New inputs go beside the programs; a crash stops with its file named.
set -euo pipefail
programs=$1 seconds=$2
corpus=$(cd "$(dirname "$0")/../fuzz/corpus" && pwd)
for program in "$programs"/fuzz_*; do
  [ -f "$program" ] && [ -x "$program" ] || continue
  name=$(basename "$program")
  mkdir -p "$programs/found/${name#fuzz_}"
  echo "== $name"
  "$program" -max_total_time="$seconds" -rss_limit_mb=1024 -timeout=10 -print_final_stats=1 \
    -artifact_prefix="$programs/found/$name-" "$programs/found/${name#fuzz_}" "$corpus/${name#fuzz_}" 2>&1 |
    { grep -E 'ERROR|SUMMARY|artifact|stat::number_of_executed_units|stat::peak_rss_mb|Test unit' || true; }
done
