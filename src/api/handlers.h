// The operations this version serves, one function each. Every other one of the tables is routed,
// authenticated and validated too, and answered with not_served_yet.
#pragma once

#include "api/call.h"

namespace picket::api {

using Handler = Answer (*)(Call&);

Answer create_detector(Call& call);
Answer get_detector(Call& call);
Answer list_detectors(Call& call);
Answer update_detector(Call& call);
Answer delete_detector(Call& call);

Answer list_findings(Call& call);
Answer get_findings(Call& call);
Answer get_findings_statistics(Call& call);
Answer archive_findings(Call& call);
Answer unarchive_findings(Call& call);
Answer update_findings_feedback(Call& call);
Answer create_sample_findings(Call& call);

Answer tag_resource(Call& call);
Answer untag_resource(Call& call);
Answer list_tags_for_resource(Call& call);

Answer not_served_yet(Call& call);

Handler handler_of(std::string_view operation);

}  // namespace picket::api
