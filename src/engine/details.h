// What findings say beyond their records, taken from the facts and the geography table.
#pragma once

#include <memory>

#include "enrich/geo.h"
#include "finding/details.h"
#include "state/facts.h"

namespace picket {

class KnownDetails final : public DetailsSource {
 public:
  // `facts` must outlive this and be only read meanwhile; without `geo` addresses have no place.
  KnownDetails(const Facts& facts, std::shared_ptr<const GeoTable> geo)
      : facts_(facts), geo_(std::move(geo)) {}

  std::optional<InstanceDetails> instance(std::string_view instance_id, TimeMs at) const override;
  std::optional<InterfaceDetails> interface(std::string_view interface_id, TimeMs at) const override;
  std::optional<std::string> instance_by_ip(std::string_view account, std::string_view vpc_id,
                                            const IpAddress& ip, TimeMs at) const override;
  std::optional<BucketDetails> bucket(std::string_view name, TimeMs at) const override;
  std::optional<ClusterDetails> cluster(std::string_view account, std::string_view region,
                                        std::string_view name, TimeMs at) const override;
  std::optional<FunctionDetails> function(std::string_view account, std::string_view region,
                                          std::string_view name, TimeMs at) const override;
  GeoDetails geo(const IpAddress& ip) const override;

 private:
  const Facts& facts_;
  std::shared_ptr<const GeoTable> geo_;
};

}  // namespace picket
