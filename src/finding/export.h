// Stored findings in the form that leaves picket.
#pragma once

#include <string>
#include <string_view>

namespace picket {

// API form to exported form: the members inside additionalInfo.value are spelled out beside it.
std::string exported_form(std::string_view document);

// Of a finding that is taken back, from the exported form: archived, and marked in additionalInfo.
std::string withdrawn_form(std::string_view exported);

// Who or what a stored finding is about, in a word: user, instance, interface or Kubernetes user.
std::string subject_in_document(std::string_view document);

}  // namespace picket
