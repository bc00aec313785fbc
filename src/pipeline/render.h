// Findings as GuardDuty writes them, from what the aggregator and the facts know.
#pragma once

#include <memory>
#include <string>

#include "engine/engine.h"
#include "enrich/geo.h"
#include "finding/document.h"

namespace picket {

class Renderer {
 public:
  // The engine outlives the renderer; `geo` may be nullptr.
  Renderer(const Engine& engine, std::shared_ptr<const GeoTable> geo)
      : engine_(engine), geo_(std::move(geo)) {}
  std::string document(const AggregatedFinding& finding, DocumentForm form) const;

 private:
  const Engine& engine_;
  std::shared_ptr<const GeoTable> geo_;
};

}  // namespace picket
