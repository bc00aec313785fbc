#include "respond/update_times.h"

#include <string>

#include "base/json_writer.h"
#include "store/stored.h"

namespace picket::respond {

namespace {

constexpr std::string_view setting_kind = "respond_updates", setting_id = "last";

}  // namespace

Result<std::optional<UpdateTime>> load_update_time(FindingStore& store, std::string_view account,
                                                   std::string_view region) {
  return load_stored(store, account, region, setting_kind, setting_id,
                     [](const Setting&, const simdjson::dom::element& root) {
                       return UpdateTime{.released_at = root["released_at"], .through = root["through"]};
                     });
}

Result<void> save_update_time(FindingStore& store, std::string_view account, std::string_view region,
                              const UpdateTime& time) {
  std::string body;
  JsonWriter json(body);
  json.begin_object();
  json.member("released_at", time.released_at);
  json.member("through", time.through);
  json.end_object();
  const auto saved = store.put_setting({.account = std::string(account),
                                        .region = std::string(region),
                                        .kind = std::string(setting_kind),
                                        .id = std::string(setting_id),
                                        .body = std::move(body)});
  if (!saved) return std::unexpected(saved.error());
  return {};
}

}  // namespace picket::respond
