#include "api/handlers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace picket::api {

namespace {

struct Row {
  std::string_view operation;
  Handler handler;
};

constexpr std::array rows{
    Row{"ArchiveFindings", archive_findings},
    Row{"CreateDetector", create_detector},
    Row{"CreateSampleFindings", create_sample_findings},
    Row{"DeleteDetector", delete_detector},
    Row{"GetDetector", get_detector},
    Row{"GetFindings", get_findings},
    Row{"GetFindingsStatistics", get_findings_statistics},
    Row{"ListDetectors", list_detectors},
    Row{"ListFindings", list_findings},
    Row{"ListTagsForResource", list_tags_for_resource},
    Row{"TagResource", tag_resource},
    Row{"UnarchiveFindings", unarchive_findings},
    Row{"UntagResource", untag_resource},
    Row{"UpdateDetector", update_detector},
    Row{"UpdateFindingsFeedback", update_findings_feedback},
};

}  // namespace

Handler handler_of(std::string_view operation) {
  const auto found = std::ranges::find(rows, operation, &Row::operation);
  return found == rows.end() ? not_served_yet : found->handler;
}

Answer not_served_yet(Call& call) {
  return unsupported(fmt::format(
      "The request is rejected because this version of picket does not serve {} yet.", call.operation.name));
}

}  // namespace picket::api
